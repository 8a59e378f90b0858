/**
 * The words, formulas and places of the view Inside: one numbered part for each step of the
 * machine, the picture first and what it means beside it.
 */

/** Other throws of ε that are shown beside the one in full. */
export const RESAMPLES = 8;

const hat = '<mover accent="true"><mi>x</mi><mo>^</mo></mover>';
const ln = '<mi>ln</mi><mspace width="0.15em"></mspace>';
const normal = '<mi mathvariant="normal">𝒩</mi>';
const math = (content) => `<math display="block">${content}</math>`;

const part = (id, number, title, shown, explanation) => `
  <section class="part" id="part-${id}" aria-labelledby="title-${id}">
    <h2 id="title-${id}"><span class="number">${number}</span>${title}</h2>
    <div class="shown">${shown}</div>
    <div class="explanation">${explanation}</div>
  </section>`;

const input = ({ one, drawable }, { height, width, channels }) =>
  part(
    "input",
    1,
    "The picture <i>x</i>",
    '<div class="input" id="input"></div>',
    `<p>
      ${drawable ? "Your drawing is cropped, scaled and centred as the digits of the training set were." : `Every ${one} comes at ${width} × ${height} pixels.`}
      To the machine it is ${String(height * width * channels).replace(/\B(?=(\d{3})+$)/g, ",")} numbers between 0 and 1${channels === 3 ? ", red, green and blue," : ""} and nothing else.
    </p>
    ${math(`<mi>x</mi><mo>∈</mo><msup><mrow><mo>[</mo><mn>0</mn><mo>,</mo><mn>1</mn><mo>]</mo></mrow><mrow><mn>${height}</mn><mo>×</mo><mn>${width}</mn>${channels > 1 ? `<mo>×</mo><mn>${channels}</mn>` : ""}</mrow></msup>`)}`,
  );

const encoder = (latents) =>
  part(
    "encoder",
    2,
    "The encoder",
    '<div class="layers" id="encoder"></div>',
    `<p>
      Each tile is a channel: what one small filter, moved over all that the layer before wrote, found and where.
      What stands out is a strong answer. The first layers look for edges and strokes and still resemble the picture; with every stride
      there are fewer places and more channels, until the last layer brings all of it down to ${2 * latents} numbers.
    </p>
    ${math("<msub><mi>h</mi><mi>i</mi></msub><mo>=</mo><mi>φ</mi><mo>(</mo><msub><mi>W</mi><mi>i</mi></msub><mo>∗</mo><msub><mi>h</mi><mrow><mi>i</mi><mo>−</mo><mn>1</mn></mrow></msub><mo>+</mo><msub><mi>b</mi><mi>i</mi></msub><mo>)</mo>")}`,
  );

const posterior = (latents) =>
  part(
    "posterior",
    3,
    "μ and σ",
    `<figure>
      <figcaption id="posterior-caption">${latents} latents, <span class="is-mean">μ</span> ± <span class="is-band">σ</span>, and <span class="is-sample">z</span> as a dot</figcaption>
      <div class="chart" id="posterior" tabindex="0" role="slider" aria-labelledby="posterior-caption"></div>
      <p class="note arithmetic" id="latent-readout"></p>
    </figure>`,
    `<p>
      Those numbers come in pairs: for each latent a mean μ and the logarithm of a variance, log σ². So the picture
      becomes no point but a small cloud, the posterior. A narrow band is a latent that the picture decides; one as wide as the
      grey strip, 𝒩(0, 1), says nothing about it.
    </p>
    ${math(`<mi>q</mi><mo>(</mo><mi>z</mi><mo>|</mo><mi>x</mi><mo>)</mo><mo>=</mo>${normal}<mo>(</mo><mi>z</mi><mo>;</mo><mi>μ</mi><mo>,</mo><msup><mi>σ</mi><mn>2</mn></msup><mo>)</mo>`)}`,
  );

/** Places of the diagram, and the radius of the circles there. */
const AT = { mean: [30, 40], width: [30, 120], epsilon: [30, 200], times: [134, 160], plus: [232, 100], z: [318, 100], end: [404, 100] };
const RADIUS = 19;

/** An arrow from circle to circle; `beside` moves it to the left of its way. */
function arrow(from, to, beside = 0) {
  const [dx, dy] = [AT[to][0] - AT[from][0], AT[to][1] - AT[from][1]];
  const length = Math.hypot(dx, dy);
  const point = (along, across) =>
    [AT[from][0] + (dx * along + dy * (across + beside)) / length, AT[from][1] + (dy * along - dx * (across + beside)) / length].map((at) => at.toFixed(1)).join(" ");
  const tip = length - RADIUS - 4;
  return `<path d="M${point(RADIUS + 4, 0)} L${point(tip, 0)}"></path><path class="tip" d="M${point(tip, 0)} L${point(tip - 8, 4)} L${point(tip - 8, -4)} Z"></path>`;
}

const node = (place, name, kind = "") => {
  const [x, y] = AT[place];
  return `
    <circle class="${kind}" cx="${x}" cy="${y}" r="${RADIUS}"></circle>
    <text class="name" x="${x}" y="${y + 5}">${name}</text>
    <text class="value" id="value-${place}" x="${x}" y="${y + RADIUS + 15}"></text>`;
};

const diagram = `
  <svg class="flow" viewBox="0 0 400 245" role="img" aria-label="z is the sum of μ and of σ times ε. Slopes flow back from z to μ and to σ; ε comes from outside.">
    <g>${arrow("mean", "plus")}${arrow("width", "times")}${arrow("epsilon", "times")}${arrow("times", "plus")}${arrow("plus", "z")}${arrow("z", "end")}</g>
    <g class="backward">${arrow("z", "plus", -10)}${arrow("plus", "mean", -10)}${arrow("plus", "times", -10)}${arrow("times", "width", -10)}</g>
    ${node("mean", "μ", "learned")}${node("width", "σ", "learned")}${node("epsilon", "ε", "outside")}${node("times", "×")}${node("plus", "+")}${node("z", "z")}
    <text class="slope" x="134" y="50">slope 1</text>
    <text class="slope" id="slope" x="62" y="103"></text>
    <text class="aside" x="58" y="222">from outside</text>
    <text class="aside" x="336" y="84">decoder</text>
    <text class="aside" id="diagram-latent" x="290" y="222"></text>
  </svg>`;

const draw = ({ one }) =>
  part(
    "sampling",
    4,
    "The throw",
    `<div class="sampling-row">
      <figure>
        <figcaption>From this ε</figcaption>
        <div class="frame"><canvas id="reconstruction" class="live ink pixels" role="img" aria-label="The ${one} decoded from z"></canvas></div>
      </figure>
      <figure>
        <figcaption>From ${RESAMPLES} others</figcaption>
        <div class="sheet" id="resamples"></div>
      </figure>
    </div>
    <div class="console">
      <div class="choice" id="noise" role="radiogroup" aria-label="The noise ε">
        <label><input type="radio" name="noise" id="noise-frozen" value="frozen" checked>ε frozen</label>
        <label><input type="radio" name="noise" id="noise-anew" value="anew">ε thrown anew</label>
      </div>
      <button type="button" id="new-epsilon"><span class="die" aria-hidden="true">⚄</span> Throw ε</button>
      <div class="choice" id="sigma" role="radiogroup" aria-label="The width σ">
        <label><input type="radio" name="sigma" id="sigma-own" value="own" checked>σ as encoded</label>
        <label><input type="radio" name="sigma" id="sigma-zero" value="zero">σ = 0: a plain autoencoder</label>
      </div>
    </div>
    ${diagram}`,
    `<p>
      Now one point z of the cloud is thrown. Training has to learn through that throw, and there is the catch: a draw
      from a distribution has no slope, so nothing would tell μ and σ which way to change.
    </p>
    ${math(`<mi>z</mi><mo>=</mo><mi>μ</mi><mo>+</mo><mi>T</mi><mo>·</mo><mi>σ</mi><mo>·</mo><mi>ε</mi><mo>,</mo><mspace width="0.6em"></mspace><mi>ε</mi><mo>∼</mo>${normal}<mo>(</mo><mn>0</mn><mo>,</mo><mi>I</mi><mo>)</mo>`)}
    <p>
      The reparameterization trick: written like this, with T = 1, chance comes in from outside, as ε. Once ε is there, z is
      a sum like any other, with slope 1 by μ and slope ε by σ, and both get their gradients. Without the noise, σ = 0, every throw is the same point.
    </p>`,
  );

const decoder = ({ many }) =>
  part(
    "decoder",
    5,
    "The decoder",
    '<div class="layers" id="decoder"></div>',
    `<p>
      The way back: a first layer spreads z over a few coarse places, transposed convolutions double height and
      width, and the channels turn from hints into parts of ${many}. A sigmoid brings what the last layer writes between 0 and 1: pixels.
    </p>
    ${math(`${hat}<mo>=</mo><mi>sigmoid</mi><mspace width="0.1em"></mspace><mo>(</mo><mi>f</mi><mo>(</mo><mi>z</mi><mo>)</mo><mo>)</mo>`)}`,
  );

const density = `<mo>−</mo>${ln}<mi>p</mi><mo>(</mo><mi>x</mi><mo>|</mo><mi>z</mi><mo>)</mo><mo>=</mo>`;
const bernoulli = `${density}<mo>−</mo><mo>∑</mo><mo>[</mo><mi>x</mi>${ln}${hat}<mo>+</mo><mo>(</mo><mn>1</mn><mo>−</mo><mi>x</mi><mo>)</mo>${ln}<mo>(</mo><mn>1</mn><mo>−</mo>${hat}<mo>)</mo><mo>]</mo>`;
const gaussian = `${density}<mo>∑</mo><mfrac><msup><mrow><mo>(</mo><mi>x</mi><mo>−</mo>${hat}<mo>)</mo></mrow><mn>2</mn></msup><mrow><mn>2</mn><msup><mi>s</mi><mn>2</mn></msup></mrow></mfrac><mo>+</mo>${ln}<mo>(</mo><mi>s</mi><msqrt><mrow><mn>2</mn><mi>π</mi></mrow></msqrt><mo>)</mo>`;

const picture = (id, caption, label) => `
  <figure>
    <figcaption>${caption}</figcaption>
    <div class="frame"><canvas id="${id}" class="ink pixels" role="img" aria-label="${label}"></canvas></div>
  </figure>`;

const latentKl = `<mfrac><mn>1</mn><mn>2</mn></mfrac><mo>(</mo><msup><mi>μ</mi><mn>2</mn></msup><mo>+</mo><msup><mi>σ</mi><mn>2</mn></msup><mo>−</mo>${ln}<msup><mi>σ</mi><mn>2</mn></msup><mo>−</mo><mn>1</mn><mo>)</mo>`;
const drawnKl = `${ln}<mi>q</mi><mo>(</mo><mi>z</mi><mo>|</mo><mi>x</mi><mo>)</mo><mo>−</mo>${ln}<mi>p</mi><mo>(</mo><mi>z</mi><mo>)</mo>`;

/** What the KL is measured against, and how. */
const kl = (latents) => {
  const mixture = latents.find(({ prior }) => prior.kind === "mixture");
  if (!mixture) return math(`<mtext>KL</mtext><mo>=</mo><mo>∑</mo>${latentKl}`);
  return `
    ${math(`<mtext>KL</mtext><mo>≈</mo>${drawnKl}`)}
    <p>
      Training began with 𝒩(0, I) as the prior p(z). What counts here, and for samples, is the model’s own: ${mixture.prior.components} Gaussians, fitted to the
      clouds of the training pictures. Against those there is no formula, so the term is an estimate from the z that was thrown. The bars are what there
      is a formula for, the KL of each latent to 𝒩(0, 1):
    </p>
    ${math(latentKl)}`;
};

/** @param {{ one: string }} subject @param {import("../../vaelet.js").ModelInfo} info */
const loss = ({ one }, { likelihood: { kind: likelihood }, latents }) =>
  part(
    "loss",
    6,
    "The loss",
    `<div class="equation">
      ${picture("loss-x", "<i>x</i>", `The ${one} that went in`)}<span class="sign" aria-hidden="true">−</span>
      ${picture("loss-back", "<i>x̂</i>", `The ${one} that came back`)}<span class="sign" aria-hidden="true">=</span>
      ${picture("loss-difference", '<span id="difference-caption"></span>', "Where the two differ")}
    </div>
    <div class="terms">
      <figure>
        <figcaption id="kl-caption"></figcaption>
        <div id="kl-bars"></div>
      </figure>
      <dl class="ledger">
        <div><dt>reconstruction</dt><dd id="reconstruction-nats">–</dd></div>
        <div><dt id="kl-term">+ KL</dt><dd id="kl-nats">–</dd></div>
        <div class="total"><dt id="loss-term">loss, in nats</dt><dd id="loss-nats">–</dd></div>
      </dl>
    </div>`,
    `<p>
      What comes back is judged twice. The reconstruction term is what the difference costs: how improbable x is, given what
      was decoded. The KL term is what the cloud costs: each latent pays for moving away from the prior and for being sure of itself.
    </p>
    ${math(likelihood === "bernoulli" ? bernoulli : gaussian)}
    ${likelihood === "bernoulli" ? "<p>For the model each pixel is a coin, 0 or 1. Where x is grey, the term is the mean over coins thrown with x as their probability.</p>" : ""}
    ${kl(latents)}
    ${likelihood === "gaussian" ? "<p>Values between 0 and 1 have a density, which can exceed 1: that is how the first term comes to be negative.</p>" : ""}
    <p>Training made such a sum small, averaged over all its pictures; every weight above moved a little down its slope, again and again.</p>`,
  );

const family = part(
  "family",
  7,
  "The β family",
  '<div class="family" id="family"></div>',
  `<p>
    The same network, trained with four prices on the KL. At β = 0 clouds cost nothing: reconstructions are sharp, but the
    clouds lie anywhere, and samples from the prior fall between them. The higher β, the more each latent has to earn its nats.
  </p>
  ${math("<mtext>loss</mtext><mo>=</mo><mtext>reconstruction</mtext><mo>+</mo><mi>β</mi><mo>·</mo><mtext>KL</mtext>")}
  <p>
    At β = 16 most of them give up: posterior collapse. Their bars vanish, the decoder hears almost nothing, and whatever you
    draw comes back as much the same blur.
  </p>`,
);

/** @param {{ one: string, many: string, drawable: boolean }} subject @param {import("../../vaelet.js").ModelInfo} info */
export function markupOf(subject, info, latents) {
  return `
    <header class="opening">
      <h1 tabindex="-1"></h1>
    </header>
    <div class="inside" id="inside" data-empty>
      ${input(subject, info.input)}${encoder(latents)}${posterior(latents)}${draw(subject)}${decoder(subject)}${loss(subject, info)}${family}
    </div>
    <div class="prose">
      <p>
        That is the whole machine. Every picture above comes from one run of it, on your own device, and changes with what you put in:
        pixels, two stacks of filters, one throw, and a loss of two terms that pull in opposite directions.
      </p>
      <p>
        The encoder is needed to train and to look; to make something new, the decoder and a throw from the prior are enough.
        The idea is of Kingma and Welling (<i>Auto-Encoding Variational Bayes</i>, 2013); the price β on the KL of Higgins and others (2017).
      </p>
      <p class="try">${subject.drawable ? "Draw something between two digits, throw ε anew, and watch which of the two comes back." : `Take a picture of your own, even one that shows no ${subject.one}, and see what of it comes back.`}</p>
    </div>
  `;
}
