/** The words and places of the view Use: the picture, the choice of a use, and a panel for each. */

/** The uses in their order, with their names. */
export const USES = { detect: "Detect", clean: "Clean", fill: "Fill in", enlarge: "Enlarge", compress: "Compress", group: "Group" };

const picture = (id, caption, label) => `
  <figure class="use-figure">
    <figcaption id="${id}-caption">${caption}</figcaption>
    <div class="frame"><canvas id="${id}" class="ink pixels" role="img" aria-label="${label}"></canvas></div>
    <p class="use-number" id="${id}-number"></p>
  </figure>`;

const rank = (name, words) => `
  <div><dt>${words}</dt><dd id="detect-${name}">–</dd><dd class="rank" aria-hidden="true"><span id="detect-${name}-mark"></span></dd></div>`;

const PANELS = {
  detect: ({ one, many }) => ({
    question: `Is this one of the ${many} that the network knows?`,
    body: `
      <div class="use-figures">
        <figure class="use-figure">
          <figcaption>Where it is strange</figcaption>
          <div class="frame"><canvas id="detect-picture" class="ink pixels" role="img" aria-label="The ${one}"></canvas><canvas id="detect-map" class="heat" role="img" aria-label="Marked: where the picture is unlike the network’s own"></canvas></div>
        </figure>
        <dl class="use-facts">
          <div><dt>Strangeness</dt><dd id="detect-score">–</dd></div>
          <div class="notation"><dt>−log p(x)</dt><dd id="detect-nats">–</dd></div>
        </dl>
      </div>
      <dl class="ranks">
        ${rank("whole", "As a whole, stranger than")}
        ${rank("place", "In one place, stranger than")}
      </dl>
      <p class="use-verdict" id="detect-verdict"></p>
      <fieldset class="row" id="detect-odd"><legend class="visually-hidden">Make the picture strange</legend></fieldset>`,
    more: `Ten figures of the picture are compared with those of the network’s own test images, and nineteen of each small square of it: too little counts as much as too much. A place is compared with the strangest place of each test image. −log p(x) alone does not tell: an empty canvas is easy to draw, and so it is likelier than any ${one}. A high score says that a picture is of another kind, and not what is wrong with it.`,
  }),
  clean: () => ({
    question: "What was there before the noise?",
    body: `
      <div class="choice" role="radiogroup" aria-label="Kind of noise" id="clean-kind"></div>
      <div id="clean-noise-host"></div>
      <div class="use-figures">${picture("clean-before", "Noisy", "The picture with noise")}${picture("clean-after", "Cleaned", "The picture without noise, as the network sees it")}${picture("clean-median", "Median filter", "The noisy picture after a median filter")}</div>`,
    more: "The network looks for the most likely picture that explains the noisy one, and keeps the details that stand out from the noise. Numbers are PSNR in decibels against the picture above: more is better. Strong noise leaves the network to choose, and it chooses what is usual.",
  }),
  fill: () => ({
    question: "What could be in the hidden part?",
    body: `
      <div class="use-figures fill-figures">
        <figure class="use-figure">
          <figcaption>Hide a part with the brush</figcaption>
          <div class="frame"><canvas id="fill-given" class="ink pixels"></canvas><canvas id="fill-pad" class="pad mask" role="img" aria-label="Brush: draw over what is to be hidden. The buttons below hide parts too."></canvas></div>
        </figure>
        <figure class="use-figure">
          <figcaption id="fill-caption">Most likely</figcaption>
          <div class="frame"><canvas id="fill-chosen" class="ink pixels" role="img" aria-label="The picture, completed"></canvas></div>
        </figure>
      </div>
      <div class="row" id="fill-hide" role="group" aria-label="Hide a part"></div>
      <div class="sheet use-strip" id="fill-sheet"><div id="fill-strip"></div><div class="picks" id="fill-picks" role="group" aria-label="Completions"></div></div>
      <div class="row">
        <div id="fill-path-host"></div>
        <button type="button" id="fill-another">Show me others</button>
      </div>`,
    more: "All four keep what was seen. The first one is the most likely, the others are draws from what is possible; the slider goes from one to the next. What appears often among the draws is more likely; four are few, so this is a rough guide.",
  }),
  enlarge: () => ({
    question: "What could be between these pixels?",
    body: `
      <div class="use-figures">${picture("enlarge-nearest", "Given", "The small picture")}${picture("enlarge-bicubic", "Bicubic", "The small picture, enlarged by bicubic interpolation")}${picture("enlarge-model", "Network", "The small picture, enlarged by the network")}</div>
      <div class="sheet use-strip" id="enlarge-sheet"><div id="enlarge-strip"></div></div>
      <div class="row">
        <div class="choice" role="radiogroup" aria-label="How much smaller" id="enlarge-scale"></div>
        <button type="button" id="enlarge-another">Show me others</button>
      </div>`,
    more: "Every picture of the network, shrunk again, is the one that was given. Its details are invented: likely, and no evidence of anything. Below are other pictures that fit as well.",
  }),
  compress: ({ many }) => ({
    question: "How few bytes hold it?",
    body: `
      <div id="lossy">
        <div id="compress-bytes-host"></div>
        <div class="use-figures">${picture("compress-model", "Network", "The picture, decoded from a few bytes")}${picture("compress-jpeg", "JPEG", "The picture as a JPEG file")}${picture("compress-webp", "WebP", "The picture as a WebP file")}</div>
      </div>
      <div id="lossless">
        <div class="row"><button type="button" id="compress-chain">Pack ${many} without loss</button></div>
        <dl class="use-facts wide" id="compress-facts" hidden>
          <div><dt>Pictures, black and white</dt><dd id="chain-count"></dd></div>
          <div><dt>Network, bytes</dt><dd id="chain-bytes"></dd></div>
          <div><dt>Network, bits a pixel</dt><dd id="chain-bits"></dd></div>
          <div><dt>gzip, bits a pixel</dt><dd id="chain-gzip"></dd></div>
        </dl>
        <div class="sheet use-strip chain" id="chain-sheet" hidden><canvas id="chain" class="ink pixels" role="img" aria-label="The pictures, unpacked again"></canvas></div>
        <p class="use-verdict" id="chain-verdict" role="status"></p>
        <p class="note use-more">The ${many} are packed one after the other without any loss. The random choices for one picture are taken from the bits of those before it, and come back when it is unpacked (“bits back”).</p>
      </div>`,
    more: `A picture is sent as its numbers z, as exact as the bytes allow; the decoder has the rest. JPEG and WebP get as many bytes, or the fewest with which they work.`,
  }),
  group: ({ many }) => ({
    question: `Which ${many} belong together?`,
    body: `
      <div class="row"><button type="button" id="group-find">Find groups</button><button type="button" id="group-name" hidden>Name all after a few</button></div>
      <div id="group-known-host"></div>
      <p class="use-verdict" id="group-verdict" role="status"></p>
      <ol class="groups" id="groups"></ol>`,
    more: `Nobody tells the network which kinds of ${many} there are: pictures whose numbers z are near one another are joined, and what hangs together is a group. Named pictures pass their name on to their neighbours. With more pictures than these, more of the names are right.`,
  }),
};

/**
 * @param {ReturnType<typeof import("../../models/subject.js").subjectOf>} subject
 * @param {string} promise what becomes of a picture of the reader's own
 */
export const markup = (subject, promise) => `
  <div class="layout">
    <div class="content">
      <div class="opening">
        <div class="choice uses" role="radiogroup" aria-label="What to do with the picture">
          ${[["all", "All"], ...Object.entries(USES)].map(([use, name]) => `<label><input type="radio" name="use" id="use-${use}" value="${use}">${name}</label>`).join("")}
        </div>
        <button type="button" id="try" class="try">Try: a grey square</button>
      </div>
      <div class="stage use" id="stage">
        <div class="use-source">
          <figure class="use-figure">
            <figcaption>The picture</figcaption>
            <div class="frame" id="picture-frame">
              <canvas id="picture" class="ink pixels" role="img" aria-label="The ${subject.one} that everything below is about"></canvas>
              <canvas id="pad" class="pad ink" role="img" aria-label="Drawing pad. Draw with mouse, pen or finger." hidden></canvas>
              <p class="invite" id="invite" hidden>Draw a ${subject.one} here</p>
            </div>
          </figure>
          <div class="use-choices">
            <div class="row">
              <button type="button" id="draw" aria-pressed="false" ${subject.drawable ? "" : "hidden"}>Draw it</button>
              <button type="button" id="clear" hidden>Clear</button>
              <button type="button" id="another">Made up</button>
              <button type="button" id="own" aria-describedby="private" ${subject.drawable ? "hidden" : ""}>Use a photo…</button>
            </div>
            <figure id="tests" hidden>
              <figcaption>Or one that the network has never seen</figcaption>
              <div class="sheet"><canvas id="tests-strip" class="ink pixels" aria-hidden="true"></canvas><div class="picks" id="tests-picks" role="group" aria-label="Take one of these"></div></div>
            </figure>
            <p class="note" id="private" ${subject.drawable ? "hidden" : ""}>${promise}</p>
          </div>
        </div>
        <div class="use-panels" id="panels">
          ${Object.entries(USES).map(([use, name]) => {
            const { question, body, more } = PANELS[use](subject);
            return `
              <section class="use-panel" id="panel-${use}" data-use="${use}" aria-labelledby="heading-${use}">
                <header>
                  <h2 id="heading-${use}">${name}</h2>
                  <button type="button" class="use-open" data-open="${use}" aria-label="${name}: open">Open</button>
                </header>
                <p class="use-question">${question}</p>
                <div class="use-body">${body}</div>
                <p class="note use-more">${more}</p>
                <p class="note use-state" id="state-${use}" role="status"></p>
              </section>`;
          }).join("")}
        </div>
      </div>
    </div>
    <div class="prose">
      <p>
        All of this rests on one question: which numbers z would explain what is seen? The encoder gives a first answer
        in one step. Where it cannot know better, because a part is missing, noisy or small, its answer is improved by
        gradient: z moves to where the decoder’s picture agrees with what was seen, and where z is usual.
      </p>
      <math display="block">
        <mi>log</mi><mspace width="0.2em"></mspace><mi>p</mi><mo>(</mo><mtext>seen</mtext><mo>|</mo><mi>z</mi><mo>)</mo><mo>+</mo><mi>log</mi><mspace width="0.2em"></mspace><mi>p</mi><mo>(</mo><mi>z</mi><mo>)</mo>
      </math>
      <p>
        Other answers are drawn from what is possible. Nothing here was trained for a single use, and every answer is
        what the network finds <em>likely</em>: it may be wrong, and it looks just as sure then.
      </p>
    </div>
  </div>
`;
