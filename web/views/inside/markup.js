/**
 * The words, formulas and places of the view Inside: one numbered part for each step of the
 * machine, the picture first and what it means beside it.
 */

/** Other draws of ε that are shown beside the one in full. */
export const RESAMPLES = 8;

const hat = '<mover accent="true"><mi>x</mi><mo>^</mo></mover>';
const ln = '<mi>ln</mi><mspace width="0.15em"></mspace>';
const normal = '<mi mathvariant="normal">𝒩</mi>';
/** A word that lights what it names in the figures, and is lit by it. */
const term = (name, text) => `<span class="term" data-term="${name}">${text}</span>`;
/** The same within a formula. */
const mi = (name, text) => `<mi class="term" data-term="${name}">${text}</mi>`;
const probe = (part) => `<div class="probe" id="${part}-probe"><p class="note">Point at a tile, or tap it: here comes the number, what it looks at, and the filter.</p></div>`;
const math = (content) => `<math display="block">${content}</math>`;

/** Its number is that of the parts which are shown. */
const part = (id, title, shown, explanation) => `
  <section class="part" id="part-${id}" aria-labelledby="title-${id}">
    <h2 id="title-${id}">${title}</h2>
    <div class="shown">${shown}</div>
    <div class="explanation">${explanation}</div>
  </section>`;

const input = ({ one, drawable }, { height, width, channels }) =>
  part(
    "input",
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
    "The encoder",
    `<div class="layers" id="encoder"></div>${probe("encoder")}`,
    `<p>
      Each tile is a channel: it shows where one small pattern was found in the layer before. A strong match stands out.
      The first layers look for edges and strokes and still resemble the picture; each layer shrinks the picture and finds more kinds of
      pattern, until the last brings all of it down to ${2 * latents} numbers.
    </p>
    ${math("<msub><mi>h</mi><mi>i</mi></msub><mo>=</mo><mi>φ</mi><mo>(</mo><msub><mi>W</mi><mi>i</mi></msub><mo>∗</mo><msub><mi>h</mi><mrow><mi>i</mi><mo>−</mo><mn>1</mn></mrow></msub><mo>+</mo><msub><mi>b</mi><mi>i</mi></msub><mo>)</mo>")}`,
  );

const posterior = (latents) =>
  part(
    "posterior",
    "μ and σ",
    `<figure>
      <figcaption id="posterior-caption">The ${latents} numbers, <span class="is-mean term" data-term="mean">μ</span> ± <span class="is-band term" data-term="width">σ</span>, and <span class="is-sample term" data-term="z">z</span> as a dot</figcaption>
      <div class="chart" id="posterior" tabindex="0" role="slider" aria-labelledby="posterior-caption"></div>
      <p class="note arithmetic" id="latent-readout"></p>
    </figure>`,
    `<p>
      Those numbers come in pairs: for each latent a ${term("mean", "mean μ")} and the logarithm of a variance, log ${term("width", "σ")}². So the picture
      becomes a range of codes, called the posterior. A narrow ${term("width", "bar")} is a number that the picture decides; a bar that covers just the
      ${term("prior", "grey strip, 𝒩(0, 1)")}, carries no information about it.
    </p>
    ${math(`<mi>q</mi><mo>(</mo><mi>z</mi><mo>|</mo><mi>x</mi><mo>)</mo><mo>=</mo>${normal}<mo>(</mo>${mi("z", "z")}<mo>;</mo>${mi("mean", "μ")}<mo>,</mo><msup>${mi("width", "σ")}<mn>2</mn></msup><mo>)</mo>`)}`,
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
  return `<g data-term="${place}">
    <circle class="${kind}" cx="${x}" cy="${y}" r="${RADIUS}"></circle>
    <text class="name" x="${x}" y="${y + 5}">${name}</text>
    <text class="value" id="value-${place}" x="${x}" y="${y + RADIUS + 15}"></text></g>`;
};

const diagram = `
  <svg class="flow" viewBox="0 0 400 245" role="img" aria-label="z is the sum of μ and of σ times ε. Slopes flow back from z to μ and to σ; ε is a separate input.">
    <g>${arrow("mean", "plus")}${arrow("width", "times")}${arrow("epsilon", "times")}${arrow("times", "plus")}${arrow("plus", "z")}${arrow("z", "end")}</g>
    <g class="backward">${arrow("z", "plus", -10)}${arrow("plus", "mean", -10)}${arrow("plus", "times", -10)}${arrow("times", "width", -10)}</g>
    ${node("mean", "μ", "learned")}${node("width", "σ", "learned")}${node("epsilon", "ε", "outside")}${node("times", "×")}${node("plus", "+")}${node("z", "z")}
    <text class="slope" x="134" y="50">slope 1</text>
    <text class="slope" id="slope" x="62" y="103"></text>
    <text class="aside" x="58" y="222">random</text>
    <text class="aside" x="336" y="84">decoder</text>
    <text class="aside" id="diagram-latent" x="290" y="222"></text>
  </svg>`;

const draw = ({ one }) =>
  part(
    "sampling",
    "One random draw",
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
        <label><input type="radio" name="noise" id="noise-frozen" value="frozen" checked>Keep this draw</label>
        <label><input type="radio" name="noise" id="noise-anew" value="anew">Keep drawing</label>
      </div>
      <button type="button" id="new-epsilon"><span class="die" aria-hidden="true">⚄</span> New random draw</button>
      <div class="choice" id="sigma" role="radiogroup" aria-label="The width σ">
        <label><input type="radio" name="sigma" id="sigma-own" value="own" checked>With noise</label>
        <label><input type="radio" name="sigma" id="sigma-zero" value="zero">Without noise, σ = 0</label>
      </div>
    </div>
    ${diagram}`,
    `<p>
      Now one code ${term("z", "z")} is drawn from that range. Training has to learn through this draw, and that is the problem: nobody can compute
      how a random draw changes when μ and σ change.
    </p>
    ${math(`${mi("z", "z")}<mo>=</mo>${mi("mean", "μ")}<mo>+</mo><mi>T</mi><mo>·</mo>${mi("width", "σ")}<mo>·</mo>${mi("epsilon", "ε")}<mo>,</mo><mspace width="0.6em"></mspace><mi>ε</mi><mo>∼</mo>${normal}<mo>(</mo><mn>0</mn><mo>,</mo><mi>I</mi><mo>)</mo>`)}
    <p class="notation">
      The reparameterization trick: written like this, with T = 1, the randomness is a separate input, ${term("epsilon", "ε")}. Once ε is there, ${term("z", "z")} is
      a sum like any other: its slope is 1 with respect to ${term("mean", "μ")} and ε with respect to ${term("width", "σ")}, and both get their gradients. Without the noise every
      draw is the same code.
    </p>`,
  );

const decoder = ({ many }) =>
  part(
    "decoder",
    "The decoder",
    `<div class="layers" id="decoder"></div>${probe("decoder")}`,
    `<p>
      The way back: a first layer spreads z over a few coarse places, transposed convolutions double height and
      width, and the patterns become parts of ${many}. A sigmoid brings what the last layer writes between 0 and 1: pixels.
    </p>
    ${math(`${hat}<mo>=</mo><mi>sigmoid</mi><mspace width="0.1em"></mspace><mo>(</mo><mi>f</mi><mo>(</mo><mi>z</mi><mo>)</mo><mo>)</mo>`)}`,
  );

const density = `<mo>−</mo>${ln}<mi>p</mi><mo>(</mo><mi>x</mi><mo>|</mo><mi>z</mi><mo>)</mo><mo>=</mo>`;
const bernoulli = `${density}<mo>−</mo><mo>∑</mo><mo>[</mo><mi>x</mi>${ln}${hat}<mo>+</mo><mo>(</mo><mn>1</mn><mo>−</mo><mi>x</mi><mo>)</mo>${ln}<mo>(</mo><mn>1</mn><mo>−</mo>${hat}<mo>)</mo><mo>]</mo>`;
const gaussian = `${density}<mo>∑</mo><mfrac><msup><mrow><mo>(</mo><mi>x</mi><mo>−</mo>${hat}<mo>)</mo></mrow><mn>2</mn></msup><mrow><mn>2</mn><msup><mi>s</mi><mn>2</mn></msup></mrow></mfrac><mo>+</mo>${ln}<mo>(</mo><mi>s</mi><msqrt><mrow><mn>2</mn><mi>π</mi></mrow></msqrt><mo>)</mo>`;

const picture = (id, caption, label, name) => `
  <figure data-term="${name}">
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
    <p class="notation">
      Training began with 𝒩(0, I) as the prior p(z). What counts here, and for samples, is the model’s own: ${mixture.prior.components} Gaussians, fitted to the
      codes of the training pictures. Against those there is no formula, so the term is an estimate from the z that was drawn. The bars show what has
      a formula, the KL of each latent to 𝒩(0, 1):
    </p>
    ${math(latentKl)}`;
};

/** @param {{ one: string }} subject @param {import("../../vaelet.js").ModelInfo} info */
const loss = ({ one }, { likelihood: { kind: likelihood }, latents }) =>
  part(
    "loss",
    "The loss",
    `<div class="equation">
      ${picture("loss-x", "<i>x</i>", `The ${one} that went in`, "x")}<span class="sign" aria-hidden="true">−</span>
      ${picture("loss-back", "<i>x̂</i>", `The ${one} that came back`, "back")}<span class="sign" aria-hidden="true">=</span>
      ${picture("loss-difference", '<span id="difference-caption"></span>', "Where the two differ", "reconstruction")}
    </div>
    <div class="terms">
      <figure data-term="kl">
        <figcaption>KL of each latent to 𝒩(0, 1)</figcaption>
        <div id="kl-bars"></div>
      </figure>
      <dl class="ledger">
        <div data-term="reconstruction"><dt>reconstruction</dt><dd id="reconstruction-nats">–</dd></div>
        <div data-term="kl"><dt id="kl-term">+ KL</dt><dd id="kl-nats">–</dd></div>
        <div class="total" data-term="loss"><dt id="loss-term">loss, in nats</dt><dd id="loss-nats">–</dd></div>
      </dl>
    </div>`,
    `<p>
      The ${term("loss", "cost")} has two parts. The ${term("reconstruction", "reconstruction term")} says how improbable ${term("x", "x")} is, given ${term("back", "what was decoded")}. The ${term("kl", "KL term")} says how much
      information z carries: every number costs more the further it is from the prior and the more exact it is.
    </p>
    ${math(likelihood === "bernoulli" ? bernoulli : gaussian)}
    ${likelihood === "bernoulli" ? "<p class=\"notation\">For the model each pixel is a coin, 0 or 1. Where x is grey, the term is the mean over coins that fall on 1 with probability x.</p>" : ""}
    ${kl(latents)}
    ${likelihood === "gaussian" ? "<p class=\"notation\">Values between 0 and 1 have a density, which can exceed 1: that is how the first term comes to be negative.</p>" : ""}
    <p>Training changed each weight a little, many thousands of times, to make this cost smaller, averaged over all its pictures.</p>`,
  );

const training = ({ many }) =>
  part(
    "training",
    "How it learned",
    '<div class="training" id="training"></div>',
    `<p>
      A small network with two numbers, so that all codes fit on a map, before its training and at moments of it. At first its weights are random:
      it redraws everything as the same grey, and all codes lie on one spot. Then it redraws something like the mean of all ${many}, then the first
      differences, and at last most classes have a region of their own. The loss falls fast at first, then slowly.
    </p>
    <p>
      Each dot is a test picture at its mean μ. The network is never told which class it is: the colours are for you.
      The large dot is your picture, with the ellipse μ ± σ about it; the dashed circles are one and two standard deviations of 𝒩(0, I), from which the made-up ${many} come.
    </p>`,
  );

const family = part(
  "family",
  "One network, four settings of β",
  '<div class="family" id="family"></div>',
  `<p>
    The same network, trained with four weights on the KL. At β = 0 information is free: copies are sharp, but codes
    lie anywhere, and samples from the prior fall between them. The higher β, the more each number must be worth its cost.
  </p>
  ${math("<mtext>loss</mtext><mo>=</mo><mtext>reconstruction</mtext><mo>+</mo><mi>β</mi><mo>·</mo><mtext>KL</mtext>")}
  <p>
    At β = 16 most numbers are no longer used, which is called posterior collapse. Their bars vanish, the decoder gets almost no
    information, and whatever you draw is redrawn as much the same blur.
  </p>`,
);

/** @param {{ one: string, many: string, drawable: boolean }} subject @param {import("../../vaelet.js").ModelInfo} info */
export function markupOf(subject, info, latents) {
  return `
    <div class="opening"><button type="button" id="try" class="try">${subject.drawable ? "Try: draw something between 4 and 9" : "Try: another picture"}</button></div>
    <div class="overview" id="overview" role="group" aria-label="The whole network; each stage leads to its part below"></div>
    <div class="inside" id="inside" data-empty>
      ${input(subject, info.input)}${encoder(latents)}${posterior(latents)}${draw(subject)}${decoder(subject)}${loss(subject, info)}${training(subject)}${family}
    </div>
    <div class="prose">
      <p>
        That is the whole network. Every picture above comes from one run of it, on your own device: pixels, two stacks of filters,
        one random draw, and a loss of two terms that pull in opposite directions.
      </p>
      <p>
        The encoder is needed for training and for encoding pictures; to make something new, the decoder and a sample from the prior are enough.
        The idea comes from Kingma and Welling (<i>Auto-Encoding Variational Bayes</i>, 2013); the weight β on the KL from Higgins and others (2017).
      </p>
    </div>
  `;
}
