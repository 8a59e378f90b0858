/** The words and places of the view Draw: drawing, numbers, what is redrawn, its cost, what all this means. */

/**
 * @param {object} options
 * @param {number} options.size of a latent
 * @param {number} options.resamples how many other draws are shown
 */
export const markup = ({ size, resamples }) => `
  <div class="layout">
    <div class="content">
      <div class="opening">
        <fieldset class="examples">
          <legend class="visually-hidden">Or try one of these</legend>
          <div class="row" id="examples"></div>
        </fieldset>
        <button type="button" id="try" class="try">Try: draw a star</button>
      </div>
      <div class="stage draw" id="stage" data-empty>
        <figure class="step step-pad">
          <figcaption>Your drawing</figcaption>
          <div class="frame">
            <canvas id="pad" class="pad ink" role="img" aria-label="Drawing pad. Draw with mouse, pen or finger, or choose one of the digits above."></canvas>
            <p class="invite" id="invite">Draw a digit here</p>
          </div>
          <div class="row">
            <button type="button" id="undo">Undo</button>
            <button type="button" id="clear">Clear</button>
          </div>
        </figure>
        <figure class="step step-seen">
          <figcaption>What the network sees</figcaption>
          <div class="frame"><canvas id="seen" class="ink pixels" role="img" aria-label="Your drawing as 28 by 28 pixels, cropped and centred"></canvas></div>
        </figure>
        <figure class="step step-latents">
          <figcaption id="posterior-caption">Its ${size} numbers, each with its uncertainty<span class="notation">, <span class="is-mean">μ</span>&nbsp;±&nbsp;<span class="is-band">σ</span></span></figcaption>
          <div class="chart" id="posterior" tabindex="0" role="slider" aria-labelledby="posterior-caption"></div>
          <p class="note arithmetic" id="latent-readout"></p>
          <p class="note">Drag a dot up or down, and the picture follows. <button type="button" id="reset-numbers" hidden>Reset the numbers</button></p>
        </figure>
        <figure class="step step-output">
          <figcaption>Redrawn from these numbers</figcaption>
          <div class="frame"><canvas id="reconstruction" class="live ink pixels" role="img" aria-label="The digit redrawn by the network"></canvas></div>
        </figure>
        <figure class="resamples">
          <figcaption>The same drawing, redrawn ${resamples} more times</figcaption>
          <div class="sheet" id="resamples-sheet">
            <div id="resamples"></div>
            <div class="picks" id="resample-picks" role="group" aria-label="Take one of these"></div>
          </div>
        </figure>
        <div class="noise">
          <div id="temperature-host"></div>
          <button type="button" id="new-epsilon"><span class="die" aria-hidden="true">⚄</span> New random draw</button>
        </div>
        <dl class="ledger">
          <div><dt>Pixels it got wrong<span class="notation"> (reconstruction)</span></dt><dd id="reconstruction-nats">–</dd></div>
          <div><dt>+ information it used<span class="notation"> (KL)</span></dt><dd id="kl-nats">–</dd></div>
          <div class="total"><dt id="cost-term"></dt><dd id="cost">–</dd></div>
          <div><dt>On average, pictures of the test set cost</dt><dd id="usual-cost">–</dd></div>
        </dl>
      </div>
    </div>
    <div class="prose">
      <p>
        The encoder turns your drawing not into one exact code but into a range of codes: for each of ${size} numbers a
        mean<span class="notation"> <i class="is-mean">μ</i></span> and an uncertainty<span class="notation"> <i class="is-band">σ</i></span>. One code<span class="notation">
        <i class="is-sample">z</i></span> is drawn from that range, and the decoder paints a picture from it.
        A narrow bar is a number that your drawing decides; a bar that covers just the grey strip<span class="notation">, 𝒩(0, 1),</span>
        carries no information about it.
      </p>
      <math display="block">
        <mi>z</mi><mo>=</mo><mi>μ</mi><mo>+</mo><mi>T</mi><mo>·</mo><mi>σ</mi><mo>·</mo><mi>ε</mi>
        <mo>,</mo><mspace width="1em"></mspace><mi>ε</mi><mo>∼</mo><mi mathvariant="normal">𝒩</mi><mo>(</mo><mn>0</mn><mo>,</mo><mi>I</mi><mo>)</mo>
      </math>
      <p>
        The random numbers<span class="notation"> ε</span> stay the same until you ask for new ones<span class="notation">; with T = 0 there is no noise</span>. Training made the
        cost small, averaged over many drawings. Its first part says how far the redrawn pixels are off<span id="grey-note" hidden> (a grey
        pixel counts as the mean over black and white)</span>, its second how much information the code
        needs<span class="notation">, in nats, measured against the model’s own prior. The ELBO is minus that cost, and defined for T = 1 only: at another
        T the code is not drawn from its range</span>.
      </p>
    </div>
  </div>
`;
