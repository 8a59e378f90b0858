/** The words and places of the view Edit: the faces and where they come from, the sliders, what they mean. */

/**
 * @param {ReturnType<typeof import("../../models/subject.js").subjectOf>} subject
 * @param {number} size of a latent
 * @param {string} promise what becomes of a picture of the reader's own
 */
export const markup = ({ one, many, drawable, own }, size, promise) => `
  <div class="layout">
    <div class="content">
      <div class="opening">
        <button type="button" id="own" aria-describedby="private" ${drawable ? "hidden" : ""}>Use a ${own}…</button>
        <button type="button" id="another">Another ${one}</button>
        <button type="button" id="try" class="try"></button>
      </div>
      <div class="stage edit" id="stage" tabindex="-1">
        <div class="edit-faces">
          <div class="before-after">
            ${["Before", "After"].map((title) => `
              <figure class="step">
                <figcaption>${title}</figcaption>
                <div class="frame" id="${title.toLowerCase()}-frame"><canvas id="${title.toLowerCase()}" class="live ink pixels" role="img" aria-label="The ${one} ${title.toLowerCase()}"></canvas></div>
              </figure>`).join("")}
          </div>
          <div class="edit-start">
            <p class="note" id="private" ${drawable ? "hidden" : ""}>${promise}</p>
            <figure id="examples" hidden>
              <figcaption>Or start from one of these</figcaption>
              <div class="sheet" id="examples-sheet">
                <div id="examples-grid"></div>
                <div class="picks" id="examples-picks" role="group" aria-label="Start from one of these"></div>
              </div>
              <p class="note" id="credit" role="status"></p>
            </figure>
          </div>
        </div>
        <div class="edit-controls">
          <fieldset id="attributes-group" hidden>
            <legend>Attributes</legend>
            <div class="sliders" id="attributes"></div>
          </fieldset>
          <label class="check"><input type="checkbox" id="beyond">Go beyond the data</label>
          <details id="origin" hidden>
            <summary id="origin-title"></summary>
            <div id="origin-host"></div>
          </details>
          <div class="row">
            <button type="button" id="undo" disabled>Undo</button>
            <button type="button" id="redo" disabled>Redo</button>
            <button type="button" id="reset" disabled>Reset</button>
            <button type="button" id="compare">Hold to compare</button>
            <button type="button" id="save">Save PNG</button>
            <button type="button" id="to-morph">Animate the change</button>
          </div>
          <fieldset>
            <legend>The ${size} numbers, most informative first</legend>
            <div class="sliders" id="latents"></div>
            <button type="button" id="more" aria-controls="latents" hidden></button>
          </fieldset>
        </div>
      </div>
    </div>
    <div class="prose">
      <p id="attributes-prose" hidden>
        An attribute is a direction<span class="notation"> v</span>: the difference between the latents of ${many} with it and of those
        without, learned from labelled ones. Adding it moves any ${one}. Other things change too: whatever goes
        with it in the ${own}s${one === "face" ? " (teeth and cheeks with a smile)" : ""} comes along. A slider ends where a classifier is still sure of the
        attribute; beyond that the network has seen no data, and its ${many} fall apart.
      </p>
      <p id="axes-prose">
        Every slider moves z along a direction v, one of the ${size} axes: one number of the latent
        changes, the others stay, and the decoder draws the ${one} that is there.
      </p>
      <math display="block">
        <mi>z</mi><mo lspace="0" rspace="0">′</mo><mo>=</mo><mi>z</mi><mo>+</mo><mi>α</mi><mo>·</mo><mi>v</mi>
      </math>
      <p>
        Nobody chose what these numbers mean: training found them.<span class="notation"> The KL of each to 𝒩(0, 1) says how much it tells about a
        picture, in nats, on average. Near 0 nats a number is unused. <span id="kl"></span></span>
      </p>
    </div>
  </div>
`;
