/** The words and places of the view Map: the plane, what lies on it, the picture at a place, what each plane is. */

export const LAYERS = { decoded: "What the network draws", images: "Real images", points: "Dots by class" };

const radios = (name, titles) =>
  Object.entries(titles).map(([id, title]) => `<label><input type="radio" name="${name}" id="${name}-${id}" value="${id}">${title}</label>`).join("");

/**
 * @param {ReturnType<typeof import("../../models/subject.js").subjectOf>} subject
 * @param {number} size of a latent
 */
export const markup = (subject, size) => `
  <div class="opening">
    <div class="choice" id="planes" role="radiogroup" aria-label="Plane" hidden>
      ${radios("plane", { components: "Main directions", three: `Three ${subject.many}` })}
    </div>
    <div class="choice" id="layers" role="radiogroup" aria-label="On the map">${radios("layer", LAYERS)}</div>
    <button type="button" id="try" class="try">Try: walk across the map</button>
  </div>
  <div class="stage map">
    <div class="map-here">
      <div class="frame"><canvas id="here" class="live ink pixels" role="img" aria-label="The ${subject.one} at this point, as the network draws it"></canvas></div>
      <div>
        <p class="arithmetic" id="z"></p>
        <figure class="map-landing" id="landing-figure" hidden>
          <figcaption>Draw a digit: it lands on the map, with its range<span class="notation"> μ ± σ</span></figcaption>
          <div class="frame">
            <canvas id="landing-pad" class="pad ink" role="img" aria-label="Drawing pad. What is drawn here is encoded and shown on the map."></canvas>
            <p class="invite" id="landing-invite">Draw here</p>
          </div>
          <button type="button" id="landing-clear">Clear</button>
        </figure>
        <figure class="map-nearest" id="nearest" hidden>
          <div class="frame"><canvas id="thumbnail" class="ink pixels" aria-hidden="true"></canvas></div>
          <figcaption><span id="nearest-name"></span><br><span id="nearest-credit"></span></figcaption>
        </figure>
      </div>
    </div>
    <div class="map-field">
      <div class="map-pad sheet" id="pad">
        <div id="decoded"></div>
        <canvas id="images" class="images ink" role="img" aria-label="Real images, each where the encoder puts it"></canvas>
        <div id="points"></div>
        <div id="landing" hidden></div>
        <div id="triangle" class="map-triangle"></div>
        <i class="ring" id="ring"></i>
        <i class="cross" id="cross"></i>
      </div>
      <div id="legend"></div>
      <p class="note" id="rings-note" hidden>The rings are one and two standard deviations of the prior<span class="notation">, 𝒩(0, I)</span>: 39 % and 86 % of random points lie within them.</p>
      <p class="note" id="credits"></p>
      <div class="corners" id="corners"></div>
    </div>
    <div class="map-controls">
      <div id="sliders"></div>
      <div class="row">
        <button type="button" id="to-morph">Blend this ${subject.one}</button>
        <button type="button" id="to-edit">Change this ${subject.one}</button>
      </div>
    </div>
    ${prose(subject, size)}
  </div>
`;

const prose = ({ one, many, drawable }, size) => `
  <div class="prose" id="prose-whole" hidden>
    <p>
      Every point is a pair of numbers, and the picture is what the decoder draws for them. Nobody told the network
      ${drawable ? "which digit is which. It still put similar ones" : `what is in a picture. It still put ${many} that look alike`} next to each other.
    </p>
    <math display="block">
      <mi>z</mi><mo>=</mo><mo>(</mo><mi>x</mi><mo>,</mo><mi>y</mi><mo>)</mo>
    </math>
    <p>
      Two numbers are too few to keep all ${many} apart: in the middle different ones share the same place, and the network
      draws a blur of them. Between the crowds and beyond them it has seen few examples, and guesses. Stop where the ${one} is half
      one, half another.
    </p>
  </div>
  <div class="prose" id="prose-components" hidden>
    <p>
      Every point is a latent, decoded. A latent of this model has ${size} numbers and a map has two, so this
      is a slice: through the mean <i>o</i> of all latents, along the two directions <i>a</i>₁ and <i>a</i>₂ in which
      they vary most. One step is one standard deviation.
    </p>
    <math display="block">
      <mi>z</mi><mo>=</mo><mi>o</mi><mo>+</mo><mi>x</mi><mspace width="0.15em"></mspace><msub><mi>a</mi><mn>1</mn></msub>
      <mo>+</mo><mi>y</mi><mspace width="0.15em"></mspace><msub><mi>a</mi><mn>2</mn></msub>
    </math>
    <p>
      Real images lie beside the slice rather than in it, and stand here where they come nearest to it. They share with the
      decoded ${one} what these two directions mean, and little else. What does <i>x</i> change, and what <i>y</i>?
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
      Outside the triangle a share is below zero: you subtract that ${one}. Leave the triangle past a corner, and you get a
      caricature of the ${one} there.
    </p>
  </div>
`;
