/** The markup of the page `#/train`. */

const radio = (name, value, text, checked = false) => `<label><input type="radio" name="${name}" value="${value}"${checked ? " checked" : ""}>${text}</label>`;

export const MARKUP = `
<article class="train">
  <header class="heading">
    <h1 id="title" tabindex="-1">Train a network here</h1>
    <p class="lead">Choose pictures, press Run, and watch a network learn to redraw them and to make up new ones. It learns on your device, and no picture leaves it.</p>
  </header>

  <div class="train-layout">
    <div class="train-setup">
      <section aria-labelledby="pictures-title">
        <h2 id="pictures-title">Pictures</h2>
        <div class="choice" role="radiogroup" aria-labelledby="pictures-title" id="data">
          ${radio("data", "digits", "10,000 digits", true)}${radio("data", "drawings", "Your drawings")}${radio("data", "pictures", "Your pictures")}
        </div>
        <p class="note" id="about-digits">Handwritten digits of MNIST, 1.6 MB, fetched when you press Run. 500 of them are kept aside to measure with.</p>
        <div id="drawings" hidden>
          <div class="train-pad">
            <div class="frame"><canvas id="pad" class="pad ink" role="img" aria-label="Drawing pad"></canvas><p class="invite" id="invite">Draw a sign here</p></div>
            <div class="train-pad-side">
              <div class="row"><button type="button" id="add" class="primary" disabled>Add</button><button type="button" id="undo" disabled>Undo</button><button type="button" id="clear" disabled>Clear</button></div>
              <p class="note" id="count" role="status"></p>
            </div>
          </div>
          <ul class="train-thumbs" id="thumbs" aria-label="Your drawings; press one to delete it"></ul>
          <p class="note">Twenty drawings are enough to begin with, thirty are better: letters, faces, trees, a few of each kind. Each one is turned, moved and stretched a little every time the network sees it.</p>
        </div>
        <div id="pictures" hidden>
          <div class="row">
            <label class="train-file">Open files<input type="file" id="files" accept="image/*" multiple></label>
            <label class="train-file">Open a folder<input type="file" id="folder" webkitdirectory></label>
          </div>
          <p class="note" id="opened" role="status">Some hundred pictures of one kind of thing work best. You can also drop them here. They become squares of 32×32 pixels.</p>
          <canvas id="contact" class="train-sheet" hidden role="img" aria-label="The first of the opened pictures"></canvas>
        </div>
      </section>

      <section class="train-keys" aria-label="Training">
        <div class="row">
          <button type="button" id="run" class="primary">Run</button>
          <button type="button" id="one">One step</button>
          <button type="button" id="slow">Slow motion</button>
          <button type="button" id="anew" hidden>Start anew</button>
        </div>
        <p id="status" class="note" role="status">Nothing has been learned yet.</p>
        <div id="problem" class="notice" role="alert" hidden><p id="problem-text"></p><div class="row" id="problem-keys"></div></div>
      </section>

      <section aria-labelledby="network-title">
        <h2 id="network-title">Network</h2>
        <div class="field train-from"><label for="from">Begins with</label><select id="from"><option value="">a fresh network</option></select></div>
        <div class="choice" role="radiogroup" aria-labelledby="network-title" id="network">
          ${radio("network", "mlp", "Fully connected", true)}${radio("network", "conv", "Convolutional")}
        </div>
        <div class="choice" role="radiogroup" aria-label="Judge" id="judge">
          ${radio("judge", "none", "No judge", true)}${radio("judge", "beside", "A judge (VAE-GAN)")}${radio("judge", "alone", "A judge alone (GAN)")}
        </div>
        <p class="note" id="about-judge" hidden>A second network, the judge, learns to tell your pictures from made ones, and the first one learns to deceive it. A GAN has no encoder: it only makes up pictures. Training is stable while neither of the two losses goes to 0 or runs away; at 0.69 the judge can only guess.</p>
        <div class="train-fields">
          <div id="latents"></div>
          <div id="beta"></div>
          <div class="field"><label for="rate">Learning rate</label><select id="rate"><option>0.0003</option><option selected>0.001</option><option>0.002</option><option>0.003</option><option>0.005</option></select></div>
          <div class="field"><label for="seed">Seed</label><input type="number" id="seed" min="0" max="4294967295" step="1" inputmode="numeric"><button type="button" id="new-seed">New</button></div>
          <div class="field"><label for="device">Trains on</label><select id="device"><option value="auto">the faster one</option><option value="webgpu">GPU</option><option value="cpu">CPU</option></select></div>
        </div>
        <p class="note" id="device-status" role="status"></p>
        <p class="note" id="restart" hidden>Pictures, network, latents and seed count from the next start. β and the learning rate count at once.</p>
      </section>
    </div>

    <div class="train-live" id="live" data-empty>
      <p class="train-empty">What the network learns appears here while it learns: its losses, pictures that it redraws and makes up, and the map of its numbers.</p>
      <div class="train-curves" id="elbo">
        <figure><figcaption>Reconstruction, in nats <output id="reconstruction-now"></output></figcaption><div id="reconstruction"></div></figure>
        <figure><figcaption>Information in the numbers (KL), in nats <output id="kl-now"></output></figcaption><div id="kl"></div></figure>
      </div>
      <div class="train-curves" id="judged" hidden>
        <figure><figcaption>The judge’s loss, in nats <output id="judge-loss-now"></output></figcaption><div id="judge-loss"></div></figure>
        <figure><figcaption>The loss of who is judged, in nats <output id="maker-loss-now"></output></figcaption><div id="maker-loss"></div></figure>
      </div>
      <p class="note" id="balance" hidden></p>
      <p class="note" id="measure"></p>
      <div class="train-pictures">
        <figure id="redrawn-figure"><figcaption>Pictures, and below each what the network redraws</figcaption><div class="sheet"><canvas id="redrawn" class="ink pixels" role="img" aria-label="Pictures and their reconstructions"></canvas></div></figure>
        <figure><figcaption>Made up from the same random numbers each time</figcaption><div class="sheet"><canvas id="samples" class="ink pixels" role="img" aria-label="Samples"></canvas></div></figure>
        <figure id="map-figure"><figcaption id="map-caption">The map of two numbers</figcaption><div class="frame train-map"><canvas id="decoded" class="ink pixels" hidden></canvas><svg id="cloud" viewBox="-3 -3 6 6" role="img" aria-label="Each picture as a point, where the encoder puts it"></svg></div><p class="note train-legend" id="classes" hidden></p></figure>
        <figure id="bars-figure"><figcaption>Information in each number, in nats</figcaption><div id="bars"></div><p class="note" id="alive"></p></figure>
      </div>
    </div>
  </div>

  <section id="followed" class="train-followed" hidden aria-labelledby="followed-title">
    <h2 id="followed-title">One step, slowly</h2>
    <p class="note">Four pictures of one batch go through the network. Then the error goes back through it and says how each weight should change. Red is above zero, blue below.</p>
    <ol id="stages" class="train-stages"></ol>
    <div class="train-gradients" id="tensors"></div>
  </section>

  <section id="keeping" hidden aria-labelledby="keeping-title">
    <h2 id="keeping-title">Keep what it has learned</h2>
    <div class="row train-name">
      <label for="name">Name</label><input type="text" id="name" maxlength="60" autocomplete="off">
      <button type="button" id="keep" class="primary">Keep in this browser</button>
      <button type="button" id="save">Save as a folder (zip)</button>
      <button type="button" id="copy">Copy a link to these settings</button>
    </div>
    <p class="note" id="kept-status" role="status"></p>
  </section>

  <section id="kept-section" hidden aria-labelledby="kept-title">
    <h2 id="kept-title">Kept in this browser</h2>
    <ul class="train-kept" id="kept"></ul>
  </section>

  <div class="prose">
    <p><b>What happens.</b> The encoder turns a picture into a few numbers, each as a mean μ and a width σ. Random noise ε picks one value in that range, z = μ + σε, and the decoder redraws the picture from these values alone.</p>
    <p><b>What it costs.</b> The loss has two parts: how badly the picture is redrawn, and β times the information that the numbers carry (KL). Every step moves all weights a little down the slope of their sum.</p>
    <p><b>To try.</b> Turn β up while it runs: one number after the other is no longer used, because its information costs more than it helps. With β = 0 nothing keeps the numbers together: pictures are redrawn well, but random numbers give nonsense. With two numbers you see the whole space as a map. With a judge pictures become sharper, and training less steady: compare the two losses with and without an encoder.</p>
    <p><b>Yours.</b> Drawings and training are kept in this browser until you delete them. A link holds the settings and the seed, never your pictures.</p>
  </div>
</article>`;
