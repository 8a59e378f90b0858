/** What the map says about each of its planes. */

/** @param {ReturnType<import("../../models/subject.js").subjectOf>} subject @param {number} size number of latents */
export const mapProse = ({ one, many, drawable }, size) => `
  <div class="prose" id="prose-whole" hidden>
    <p>
      Each place on this map is a latent, and the picture there is what the decoder makes of it. Nobody told
      the encoder what is in a picture; still it put ${drawable ? "similar digits" : `${many} that look alike`} next to each other.
    </p>
    <math display="block">
      <mi>z</mi><mo>=</mo><mo>(</mo><mi>x</mi><mo>,</mo><mi>y</mi><mo>)</mo>
    </math>
    <p>
      Between the islands of test images, and beyond them, the decoder has seen nothing and must invent.
      <span class="try">Drag slowly from one island to the next, and stop where the ${one} is neither.</span>
    </p>
  </div>
  <div class="prose" id="prose-components" hidden>
    <p>
      Each place on this map is a latent, decoded. A latent of this model has ${size} dimensions and a map has two, so this
      is a slice: through the mean <i>o</i> of all latents, along the two directions <i>a</i>₁ and <i>a</i>₂ in which
      they vary most. One step is one standard deviation.
    </p>
    <math display="block">
      <mi>z</mi><mo>=</mo><mi>o</mi><mo>+</mo><mi>x</mi><mspace width="0.15em"></mspace><msub><mi>a</mi><mn>1</mn></msub>
      <mo>+</mo><mi>y</mi><mspace width="0.15em"></mspace><msub><mi>a</mi><mn>2</mn></msub>
    </math>
    <p>
      Test images lie beside the slice rather than in it, and stand here where they come nearest to it: with
      the decoded ${one} they share what these two directions say, and little else.
      <span class="try">Drag from edge to edge: what does <i>x</i> change, and what <i>y</i>?</span>
    </p>
  </div>
  <div class="prose" id="prose-three" hidden>
    <p>
      Three latents span a plane, as three points do in any space. At the corners are the three ${many} themselves,
      along the sides the mixtures of two, and in the middle is the mean of all.
    </p>
    <math display="block">
      <mi>z</mi><mo>=</mo><mi>α</mi><mspace width="0.15em"></mspace><mi>a</mi><mo>+</mo><mi>β</mi><mspace width="0.15em"></mspace><mi>b</mi>
      <mo>+</mo><mi>γ</mi><mspace width="0.15em"></mspace><mi>c</mi><mo>,</mo><mspace width="0.6em"></mspace>
      <mi>α</mi><mo>+</mo><mi>β</mi><mo>+</mo><mi>γ</mi><mo>=</mo><mn>1</mn>
    </math>
    <p>
      Outside the triangle a share is below zero: what that corner has of its own is taken away.
      <span class="try">Leave the triangle past a corner, and see what sets it apart exaggerated.</span>
    </p>
  </div>
`;
