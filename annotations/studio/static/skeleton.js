// The skeleton over the playing clip: lines between joints, by layout; points alone where a layout is not known.
const COCO = [[5, 7], [7, 9], [6, 8], [8, 10], [5, 6], [5, 11], [6, 12], [11, 12], [11, 13], [13, 15], [12, 14], [14, 16], [0, 5], [0, 6]];
const LIMBS = {
  "coco-17": COCO,
  "halpe-26": COCO,
  "blazepose-33": [[11, 13], [13, 15], [12, 14], [14, 16], [11, 12], [11, 23], [12, 24], [23, 24], [23, 25], [25, 27], [24, 26], [26, 28], [0, 11], [0, 12]],
};
const LEAST_SCORE = 0.2;

export function draw(canvas, video, skeleton) {
  const width = video.videoWidth, height = video.videoHeight;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  if (!skeleton?.joints || !video.duration) return;
  const frames = skeleton.joints.length;
  const joints = skeleton.joints[Math.min(frames - 1, Math.floor((video.currentTime / video.duration) * frames))];
  if (!joints) return;
  const size = Math.max(2, Math.max(width, height) / 160);
  context.lineWidth = size;
  context.lineCap = "round";
  context.strokeStyle = "#ffd23f";
  context.fillStyle = "#fff";
  const seen = (joint) => joint && joint[2] >= LEAST_SCORE;
  for (const [a, b] of LIMBS[skeleton.layout] ?? []) {
    if (!seen(joints[a]) || !seen(joints[b])) continue;
    context.beginPath();
    context.moveTo(joints[a][0], joints[a][1]);
    context.lineTo(joints[b][0], joints[b][1]);
    context.stroke();
  }
  for (const joint of joints.filter(seen)) {
    context.beginPath();
    context.arc(joint[0], joint[1], size * 0.8, 0, 7);
    context.fill();
  }
}
