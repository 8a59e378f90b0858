/** What a file of snapshots has to be before the view Inside shows it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { pairs, readSnapshots, recordedIn } from "../../web/views/inside/snapshots.js";

const moment = { folder: "snapshots/0.5", passes: 0.5, reconstruction: 200, kl: 3, means: [1, 2, 3, 4] };
const file = { images: 60000, labels: [7, 3], snapshots: [{ ...moment, folder: "snapshots/0", passes: 0 }, moment] };

test("a file of snapshots is taken as it is", () => {
  assert.deepEqual(readSnapshots(structuredClone(file)), file);
  assert.deepEqual(pairs(moment.means), [[1, 2], [3, 4]]);
});

test("what is none is refused, and no folder leads out of the model's", () => {
  const changed = (change) => ({ ...file, snapshots: [file.snapshots[0], { ...moment, ...change }] });
  const refused = [
    null,
    [],
    { ...file, images: 0 },
    { ...file, labels: ["7", 3] },
    { ...file, snapshots: [moment] },
    { ...file, snapshots: [moment, null] },
    ...["../digits", "snapshots/../digits", "snapshots/.", "https://example.org/0", "snapshots/0/..", undefined].map((folder) => changed({ folder })),
    changed({ kl: Number.NaN }),
    changed({ passes: "1" }),
    changed({ means: [1, 2, 3] }),
  ];
  for (const none of refused) assert.throws(() => readSnapshots(none), { code: "bad-model" }, JSON.stringify(none));
});

test("a model's own snapshots come first, then those of another for the same pictures", () => {
  const input = { channels: 1, height: 28, width: 28 };
  const digit = { one: "digit", many: "digits" };
  const files = { "snapshots.json": "" };
  const own = { name: "a", title: "A", input, latents: 2, subject: digit };
  const other = { ...own, name: "b", files };
  assert.equal(recordedIn([own, other], own), other);
  assert.equal(recordedIn([other], { ...own, files }).name, "a");
  assert.equal(recordedIn([{ ...other, subject: { one: "face", many: "faces" } }, { ...other, latents: 3 }, { ...other, input: { ...input, width: 32 } }], own), undefined);
});
