/** The words and places of the view Morph: two or four ends, the ways between them, what they mean. */

const ends = ["a", "b", "c", "d"];

/**
 * @param {ReturnType<typeof import("../../models/subject.js").subjectOf>} subject
 * @param {Record<string, string>} modes titles of the ways between the ends
 */
export const markup = ({ one, many }, modes) => `
  <div class="layout">
    <div class="content">
      <div class="opening">
        <div class="choice" role="radiogroup" aria-label="How many ends">
          <label><input type="radio" name="ends" id="ends-two" value="two">Two ${many}</label>
          <label><input type="radio" name="ends" id="ends-four" value="four">Four ${many}</label>
        </div>
        <button type="button" id="try" class="try">Try: stop half-way</button>
      </div>
      <div class="stage morph" id="stage">
        ${ends.map((id) => `<figure class="step step-${id}" id="${id}"></figure>`).join("")}
        ${Object.entries(modes).map(([mode, title]) => `
          <figure class="step step-${mode}">
            <figcaption>${title}</figcaption>
            <div class="frame morph-frame" data-empty>
              <canvas id="${mode}" class="${mode === "fade" ? "" : "live "}ink pixels" role="img" aria-label="Between the ends: ${title.toLowerCase()}"></canvas>
              <p class="invite">Draw the missing ${one} to start</p>
            </div>
          </figure>`).join("")}
        <div class="ways">
          <div id="t-host"></div>
          <div id="u-host"></div>
        </div>
        <div class="path">
          <div class="strip sheet" id="strip-frame"><div id="strip"></div><canvas id="fade-strip" class="ink pixels" role="img" aria-label="The same steps as a cross-fade of the pixels"></canvas></div>
          <div class="grid-pad sheet" id="grid-pad"><div id="grid"></div><i class="cross" id="cross"></i></div>
          <div class="row">
            <button type="button" id="play" class="primary">Play</button>
            <button type="button" id="save">Save animation</button>
            <span class="note" id="saved" role="status"></span>
          </div>
          <div class="alphabet-host" id="alphabet-host" hidden></div>
        </div>
      </div>
    </div>
    <div class="prose">
      <p>
        This is not a cross-fade: each picture is drawn anew, from numbers z on the way between those of the ends. The
        cross-fade of the pixels stands beside it, with its ghosts.
        The straight line (<i>lerp</i>) mixes the numbers; the arc (<i>slerp</i>) turns by the angle Ω between
        the two, and stays about as far from the centre as they are.
      </p>
      <div>
        <math display="block">
          <msub><mi>z</mi><mtext>lerp</mtext></msub><mo>=</mo>
          <mrow><mo>(</mo><mn>1</mn><mo>−</mo><mi>t</mi><mo>)</mo></mrow><mspace width="0.15em"></mspace><mi>a</mi>
          <mo>+</mo><mi>t</mi><mspace width="0.15em"></mspace><mi>b</mi>
        </math>
        <math display="block">
          <msub><mi>z</mi><mtext>slerp</mtext></msub><mo>=</mo>
          <mfrac><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mo>(</mo><mn>1</mn><mo>−</mo><mi>t</mi><mo>)</mo><mi mathvariant="normal">Ω</mi></mrow><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mi mathvariant="normal">Ω</mi></mrow></mfrac><mi>a</mi>
          <mo>+</mo>
          <mfrac><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mi>t</mi><mi mathvariant="normal">Ω</mi></mrow><mrow><mi>sin</mi><mspace width="0.15em"></mspace><mi mathvariant="normal">Ω</mi></mrow></mfrac><mi>b</mi>
        </math>
      </div>
      <figure id="distance-figure" hidden>
        <figcaption>How far both ways are from the centre, z = 0; the band has half of all random ${many}</figcaption>
        <div id="distance-plot"></div>
      </figure>
      <p id="distances"></p>
    </div>
  </div>
`;
