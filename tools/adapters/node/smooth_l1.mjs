// smooth_l1 for lossproof, in Node.js without packages: lossproof certify "exec:node tools/adapters/node/smooth_l1.mjs"
// Protocol: harness/doors/README.md. Standard output belongs to it; console.error is free.
import { createInterface } from "node:readline";

const arrays = { float64: Float64Array, float32: Float32Array };

function unpack({ dtype, shape, data }) {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return { dtype, shape, values: new arrays[dtype](bytes.buffer) };
}

function pack(values, dtype, shape) {
  return { dtype, shape, data: Buffer.from(arrays[dtype].from(values).buffer).toString("base64") };
}

function smoothL1({ params: { beta, reduction }, inputs, grad_output, want }) {
  const input = unpack(inputs.input), target = unpack(inputs.target);
  const n = input.values.length, share = reduction === "mean" ? 1 / n : 1;
  const upstream = grad_output ? unpack(grad_output).values : [1];
  const d = Array.from(input.values, (x, i) => x - target.values[i]);
  const value = d.map((x) => (Math.abs(x) < beta ? 0.5 * x * (x / beta) : Math.abs(x) - 0.5 * beta));
  const slope = d.map((x, i) => (Math.abs(x) < beta ? x / beta : Math.sign(x)) * (upstream[i] ?? upstream[0]) * share);
  const none = reduction === "none", mean = reduction === "mean" && n === 0 ? NaN : share;
  const loss = none ? value : [value.reduce((sum, x) => sum + x, 0) * mean];
  return {
    loss: pack(loss, want.loss, none ? input.shape : []),
    grad: { input: pack(slope, input.dtype, input.shape), target: pack(slope.map((x) => -x), input.dtype, input.shape) },
  };
}

const manifest = { dtypes: Object.keys(arrays), broadcasting: false, mixed_dtypes: false, validates: false,
  deterministic: true, losses: ["smooth_l1"] };
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const said = asked.lossproof
    ? { lossproof: { protocol: 1 }, name: "node", version: process.version, manifest }
    : { id: asked.id, status: "ok", ...smoothL1(asked) };
  process.stdout.write(JSON.stringify(said) + "\n");
}
