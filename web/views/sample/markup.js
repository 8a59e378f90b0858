/** The words and places of the view Sample: a grid of pictures, the chosen one, the controls, what they mean. */

import { MAX_SEED } from "../../parts/route.js";

/**
 * @param {ReturnType<typeof import("../../models/subject.js").subjectOf>} subject
 * @param {number} size of a latent
 */
export const markup = ({ one, many, drawable }, size) => `
  <div class="layout">
    <div class="content">
      <div class="opening">
        <button type="button" id="new-samples" class="primary">New ${many}</button>
        <button type="button" id="try" class="try" hidden></button>
      </div>
      <div class="alphabet-host" id="alphabet-host" hidden></div>
      <div class="sheet" id="sheet">
        <div id="samples"></div>
        <div class="picks" id="picks" role="group" aria-label="Choose a ${one}"></div>
      </div>
      <div class="tray" id="tray" hidden>
        <div class="frame"><canvas id="chosen" class="live ink pixels" role="img" aria-label="The chosen ${one}"></canvas></div>
        <div class="row" id="actions">
          <button type="button" id="keep">Keep</button>
          <button type="button" id="save">Save PNG</button>
          <button type="button" id="to-morph">Blend it</button>
          <button type="button" id="to-edit">Change it</button>
          <button type="button" id="close" aria-label="Close">×</button>
        </div>
        <figure class="numbers">
          <figcaption id="numbers-caption">Its ${size} numbers. Drag one.</figcaption>
          <div class="chart" id="numbers" tabindex="0" role="slider" aria-labelledby="numbers-caption"></div>
          <p class="note arithmetic" id="number"></p>
        </figure>
      </div>
      <div class="console">
        <div id="temperature-host"></div>
        <div class="choice" id="prior" role="radiogroup" aria-label="Where the random numbers come from">
          <label><input type="radio" name="prior" id="prior-learned" value="learned">Where ${many} are</label>
          <label><input type="radio" name="prior" id="prior-normal" value="normal">Anywhere</label>
        </div>
        <div class="field">
          <label for="seed">Random seed</label>
          <input id="seed" type="number" min="0" max="${MAX_SEED}" step="1" inputmode="numeric">
        </div>
      </div>
      <section class="kept" id="kept" hidden>
        <h2>Kept</h2>
        <div class="sheet kept-sheet" id="kept-sheet">
          <div id="kept-grid"></div>
          <div class="picks" id="kept-picks" role="group" aria-label="Kept ${many}"></div>
        </div>
      </section>
    </div>
    <div class="prose">
      <p>
        None of these ${many} exist. For each the page picks ${size} random numbers, a <i>latent</i> z, and the second
        half of the network, the decoder, draws a ${one} from them. With little variety the numbers stay close to
        average, so the ${many} look typical; with much they become strange.
      </p>
      <div class="formula">
      <math display="block" id="formula-learned" hidden>
        <mi>z</mi><mo>=</mo><mi>m</mi><mo>+</mo><mi>T</mi><mo>·</mo><mi>F</mi><mi>ε</mi><mo>,</mo><mspace width="1em"></mspace>
        <mi>ε</mi><mo>∼</mo><mi mathvariant="normal">𝒩</mi><mo>(</mo><mn>0</mn><mo>,</mo><mi>I</mi><mo>)</mo>
      </math>
      <math display="block" id="formula-normal" hidden>
        <mi>z</mi><mo>=</mo><mi>T</mi><mo>·</mo><mi>ε</mi><mo>,</mo><mspace width="1em"></mspace>
        <mi>ε</mi><mo>∼</mo><mi mathvariant="normal">𝒩</mi><mo>(</mo><mn>0</mn><mo>,</mo><mi>I</mi><mo>)</mo>
      </math>
      </div>
      <p id="prior-prose">
        <b>Why not just any random numbers?</b> Training pulls the numbers of real ${many} towards a plain bell curve<span class="notation">,
        𝒩(0, I),</span> and gets close, but gaps remain. After training we looked at where real ${many} end up, and fitted several
        bell curves to that<span class="notation">, with means <i>m</i> and covariances <i>FFᵀ</i></span>. “Where ${many} are” picks from these;
        “Anywhere” also picks from the gaps.
      </p>
      <details id="contrast-details">
        <summary>See it: both, with a slider between</summary>
        <div id="contrast-part"></div>
      </details>
      ${drawable ? "" : `<p>
        <b>Why are they blurred?</b> ${size} numbers cannot hold every small detail. Where they leave something open, the
        network draws the average of all that it could be.
      </p>
      <details id="pair-details">
        <summary>See it: the same ${one}, plain and sharpened</summary>
        <div id="pair"></div>
      </details>`}
      <details id="memory">
        <summary>Does it only remember ${many} from training?</summary>
        <img id="nearest" alt="A row of samples; below each the training picture that is most like it" hidden>
        <p id="memory-note">Above samples, below each the training picture that is most like it. They differ: the network has not stored them.</p>
      </details>
      <p>The same seed gives the same ${many} on every device.</p>
    </div>
  </div>
`;
