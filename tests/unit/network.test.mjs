/** What can be said of an address without fetching from it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isInsecure } from "../../web/api/network.js";

const insecure = (page, address) => isInsecure(new URL(page), new URL(address));

test("a page of https may not fetch over http, but from this machine", () => {
  assert.equal(insecure("https://a.example/page", "http://b.example/models/"), true);
  assert.equal(insecure("https://a.example/page", "http://a.example/models/"), true);
  for (const address of ["https://b.example/", "http://localhost:8000/", "http://models.localhost/", "http://127.0.0.1:8000/", "http://127.1/", "http://[::1]/"]) {
    assert.equal(insecure("https://a.example/page", address), false, address);
  }
  // Names that only begin or end like one of this machine.
  for (const address of ["http://127.example.com/", "http://localhost.example.com/", "http://notlocalhost/"]) {
    assert.equal(insecure("https://a.example/page", address), true, address);
  }
});

test("a page of http may fetch from anywhere", () => {
  assert.equal(insecure("http://a.example/", "http://b.example/"), false);
});
