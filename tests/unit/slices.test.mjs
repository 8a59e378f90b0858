/** Long work leaves the page its turns. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inSlices, inTurn } from "../../web/api/slices.js";

/** Milliseconds of a slice. */
const SLICE = 8;

/** Tasks so far in which slices were worked off: each begins with a message. */
let tasks = 0;
const channels = [];
globalThis.MessageChannel = class extends MessageChannel {
  constructor() {
    super();
    channels.push(this);
    this.port1.addEventListener("message", () => (tasks += 1));
  }
};
// Open channels keep Node from ending.
after(() => channels.forEach(({ port1 }) => port1.close()));

const work = (milliseconds) => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};
test("what comes after long work waits for a later task, and short work does not", async () => {
  const at = [];
  const note = () => at.push(tasks);
  const noteAndWork = () => {
    note();
    work(2 * SLICE);
  };
  await Promise.all([
    inTurn(note),
    inTurn(noteAndWork),
    inTurn(noteAndWork),
    inTurn(note),
  ]);
  assert.deepEqual(at, [0, 0, 1, 2]);
});

test("a turn gives what its work gives, and fails as it fails", async () => {
  assert.equal(await inTurn(() => 7), 7);
  assert.equal(await inTurn(async () => 8), 8);
  await assert.rejects(inTurn(() => { throw new Error("mine"); }), /mine/);
  await assert.rejects(inTurn(async () => { throw new Error("later"); }), /later/);
});

test("steps go on until there are no more, and none comes after a failure", async () => {
  let left = 30;
  await inSlices(() => {
    work(1);
    left -= 1;
    return left > 0;
  });
  assert.equal(left, 0);
  let steps = 0;
  await assert.rejects(inSlices(() => {
    steps += 1;
    throw new Error("broken");
  }), /broken/);
  await inTurn(() => work(SLICE));
  assert.equal(steps, 1);
});
