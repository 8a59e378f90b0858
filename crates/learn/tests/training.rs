//! Steps against the oracle, and what a run promises: it can be repeated, continued and stopped.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use vaelet_learn::{
    Augmentation, Design, Error, Judging, Network, Pace, Pictures, Run, Settings, Trainer,
};
use vaelet_model::{EntryPoint, ImageShape, Likelihood, Model, ModelSpec, Params, Program, random};
use vaelet_reference::{Oracle, Tensors, training};

const SHAPE: ImageShape = ImageShape {
    channels: 1,
    height: 8,
    width: 8,
};

fn design(network: Network, likelihood: Likelihood, shape: ImageShape) -> Design {
    Design {
        network,
        latents: 3,
        shape,
        likelihood,
        one: "bar".into(),
        many: "bars".into(),
    }
}

fn settings() -> Settings {
    Settings {
        batch: 16,
        rate: 2e-3,
        beta: 1.0,
        warm_up: 10,
        free: 0.0,
        seed: 5,
        augmentation: Augmentation::Drawing,
        binarize: true,
        judging: Judging::None,
    }
}

/// Bars at random places, which are worth learning.
fn pictures() -> Pictures {
    let place = random::uniforms(3, 40);
    let pixels = place.iter().flat_map(|place| {
        let bar = (place * 6.0) as usize + 1;
        (0..64).map(move |i| if i % 8 == bar { 255 } else { 0 })
    });
    Pictures::new(pixels.collect(), SHAPE).unwrap()
}

fn run() -> Run {
    let design = design(Network::Mlp, Likelihood::Bernoulli, SHAPE);
    Run::new(design, pictures(), settings()).unwrap()
}

fn steps(run: &mut Run, count: usize) -> f32 {
    let losses = (0..count).map(|_| run.step().unwrap());
    losses.last().map_or(0.0, |l| l.reconstruction + l.kl)
}

/// Losses, gradients of every tensor by name, and the parameters after two steps of Adam.
#[test]
fn steps_are_those_of_the_oracle() {
    let colour = ImageShape {
        channels: 3,
        ..SHAPE
    };
    let gaussian = Likelihood::Gaussian { sigma: 0.3 };
    for (network, likelihood, shape, free) in [
        (Network::Mlp, Likelihood::Bernoulli, SHAPE, 0.0),
        (Network::Convolutional, Likelihood::Bernoulli, SHAPE, 0.05),
        (Network::Convolutional, gaussian, colour, 0.0),
    ] {
        let spec = design(network, likelihood, shape).describe().unwrap();
        let pace = Pace {
            rate: 1e-3,
            beta: 0.7,
            free,
        };
        let mut trainer = Trainer::new(spec.clone(), 1).unwrap();
        let (count, latents) = (3, spec.latent_size());
        let mut expected: Tensors = to_f64(trainer.parameters());
        let mut adam = std::collections::BTreeMap::new();
        for step in 0..2 {
            let x = random::uniforms(20 + step, count * shape.len());
            let epsilon = random::normals(40 + step, count * latents);
            let sigma = trainer.likelihood();
            let (nats, kl, gradients) =
                oracle(&spec, sigma, &expected, &x, &epsilon, latents, pace);
            let losses = trainer.step(&x, &epsilon, pace);
            assert!((f64::from(losses.reconstruction) - nats).abs() < 1e-5 * nats.abs());
            assert!(
                (f64::from(losses.kl) - kl).abs() < 1e-4 * kl.max(0.1),
                "{} {kl}",
                losses.kl
            );
            for (name, tensor) in trainer.gradients() {
                let exact = &gradients[&name];
                let largest = exact.iter().fold(0.0f64, |a, b| a.max(b.abs()));
                for (found, exact) in tensor.data.iter().zip(exact) {
                    let error = (f64::from(*found) - exact).abs();
                    assert!(error <= 2e-5 * largest + 1e-7, "{name}: {found} {exact}");
                }
            }
            for (name, values) in &mut expected {
                let state: &mut Vec<training::Adam> = adam
                    .entry(name.clone())
                    .or_insert_with(|| vec![training::Adam::default(); values.len()]);
                for ((value, state), gradient) in values.iter_mut().zip(state).zip(&gradients[name])
                {
                    *value = state.step(*value, *gradient, f64::from(pace.rate));
                }
            }
        }
        // Adam divides by the length of a gradient: where that is almost nothing, its rounding errors show.
        let (mut far, mut all) = (0, 0);
        for (name, tensor) in trainer.parameters() {
            for (found, exact) in tensor.data.iter().zip(&expected[&name]) {
                all += 1;
                far += usize::from((f64::from(*found) - exact).abs() > 2e-6);
            }
        }
        assert!(far * 200 <= all, "{far} of {all} parameters differ");
    }
}

fn to_f64(tensors: vaelet_model::Tensors) -> Tensors {
    let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
    tensors
        .into_iter()
        .map(|(name, t)| (name, wide(t.data)))
        .collect()
}

/// Mean reconstruction, mean KL, and gradients of the mean loss.
fn oracle(
    spec: &ModelSpec,
    likelihood: Likelihood,
    tensors: &Tensors,
    x: &[f32],
    epsilon: &[f32],
    latents: usize,
    pace: Pace,
) -> (f64, f64, Tensors) {
    let mut program = Program::of(spec).unwrap();
    let mut entry = program.entry(EntryPoint::Autoencode).unwrap().clone();
    let sigmoid = program.nodes.pop().unwrap();
    entry.range.end -= 1;
    entry.outputs = vec![entry.outputs[0], sigmoid.inputs[0]];
    program.entries = vec![entry.clone()];
    let oracle = Oracle {
        program: &program,
        tensors,
        temperature: 1.0,
    };
    let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
    let items: Vec<_> = x
        .chunks(spec.input.len())
        .zip(epsilon.chunks(latents))
        .map(|(x, epsilon)| {
            let x = wide(x);
            let values = oracle.forward(&entry, &[x.clone(), wide(epsilon)]);
            (x, values)
        })
        .collect();
    let share = 1.0 / items.len() as f64;
    let mut kl = vec![0.0; latents];
    for (_, values) in &items {
        let (nats, _) = training::divergence(&values[entry.outputs[0]]);
        kl.iter_mut()
            .zip(nats)
            .for_each(|(sum, nats)| *sum += share * nats);
    }
    let (mut nats, mut sums) = (0.0, Tensors::new());
    for (x, values) in &items {
        let [posterior, logits] = [0, 1].map(|i| &values[entry.outputs[i]]);
        let (item, of_logits) = training::reconstruction(likelihood, logits, x);
        nats += share * item;
        let (_, of_posterior) = training::divergence(posterior);
        let weight = |i: usize| match kl[i % latents] < f64::from(pace.free) {
            true => 0.0,
            false => f64::from(pace.beta),
        };
        let of_posterior = of_posterior
            .iter()
            .enumerate()
            .map(|(i, g)| share * weight(i) * g);
        let of_logits = of_logits.iter().map(|g| share * g).collect();
        let seeds = [of_posterior.collect(), of_logits];
        for (name, gradient) in oracle.backward(&entry, values, &seeds).tensors {
            let zeros = || vec![0.0; gradient.len()];
            let sum = sums.entry(name).or_insert_with(zeros);
            sum.iter_mut().zip(&gradient).for_each(|(sum, g)| *sum += g);
        }
    }
    (nats, kl.iter().sum(), sums)
}

#[test]
fn a_run_learns_and_is_the_same_each_time() {
    let mut first = run();
    let before = steps(&mut first, 1);
    let after = steps(&mut first, 150);
    assert!(after < 0.6 * before, "{before} {after}");
    let mut second = run();
    steps(&mut second, 151);
    assert_eq!(first.trainer().parameters(), second.trainer().parameters());
}

#[test]
fn a_checkpoint_goes_on_exactly_and_damaged_ones_are_refused() {
    let mut whole = run();
    steps(&mut whole, 7);
    let bytes = whole.checkpoint();
    steps(&mut whole, 9);
    let mut restored = Run::restore(&bytes, pictures()).unwrap();
    assert_eq!(restored.trainer().steps(), 7);
    steps(&mut restored, 9);
    assert_eq!(whole.checkpoint(), restored.checkpoint());

    for len in [0, 7, 8, 60, 100, bytes.len() - 1] {
        assert!(Run::restore(&bytes[..len], pictures()).is_err(), "{len}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(Run::restore(&longer, pictures()).is_err());
    for at in (8..144)
        .step_by(5)
        .chain((144..bytes.len()).step_by(40_009))
    {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        let _ = Run::restore(&damaged, pictures());
    }
}

#[test]
fn training_goes_on_from_a_model() {
    let mut first = run();
    let before = steps(&mut first, 100);
    let model = first.trainer().model();
    let mut further = run();
    for (name, _) in model.program.params().flat_map(Params::stored) {
        assert!(further.begin_with(&name, model.weights.get(&name)));
    }
    assert!(!further.begin_with("encoder.0.weight", &[1.0]));
    assert!(!further.begin_with("encoder.9.weight", &[1.0]));
    let after = steps(&mut further, 20);
    assert!(after < 1.05 * before, "{before} {after}");
    assert_eq!(further.trainer().steps(), 20);
}

/// With a judge beside a VAE, and with a judge alone: the judge learns, what is made is believed more and more, and a
/// checkpoint has it all.
#[test]
fn a_judge_learns_and_teaches() {
    for judging in [Judging::Beside, Judging::Alone] {
        let settings = Settings {
            judging,
            ..settings()
        };
        let design = design(Network::Mlp, Likelihood::Bernoulli, SHAPE);
        let mut run = Run::new(design, pictures(), settings).unwrap();
        let fresh = run.trainer().parameters();
        let verdict = |run: &mut Run| run.step().unwrap().verdict.unwrap();
        let [judge, _] = verdict(&mut run);
        for _ in 0..30 {
            verdict(&mut run);
        }
        let bytes = run.checkpoint();
        let after = verdict(&mut run);
        // Alone, the maker may be ahead of the judge for a while.
        assert!(
            judging == Judging::Alone || after[0] < judge,
            "{judge} {}",
            after[0]
        );
        let mut restored = Run::restore(&bytes, pictures()).unwrap();
        assert_eq!(verdict(&mut restored), after);
        let learned = run.trainer().parameters();
        let moved = |name: &str| learned[name] != fresh[name];
        assert!(moved("decoder.0.weight"));
        assert_eq!(moved("encoder.0.weight"), judging == Judging::Beside);
        assert_eq!(run.follow(2).is_err(), judging == Judging::Alone);
    }
}

/// What the judge says goes through logits and decoder into every gradient: by finite differences of the loss, with a
/// judge that stays as it is at a learning rate of 0.
#[test]
fn gradients_with_a_judge_are_the_slopes_of_the_loss() {
    let spec = design(Network::Convolutional, Likelihood::Bernoulli, SHAPE)
        .describe()
        .unwrap();
    let pace = Pace {
        rate: 0.0,
        beta: 0.7,
        free: 0.0,
    };
    let (x, epsilon) = (random::uniforms(1, 3 * 64), random::normals(2, 9));
    let fresh = Trainer::new(spec.clone(), 1).unwrap().parameters();
    for judging in [Judging::Beside, Judging::Alone] {
        // The judge's weight follows from the gradients, and counts as a number.
        let step = |tensors: &vaelet_model::Tensors, weight: Option<f32>| {
            let trainer = Trainer::of(spec.clone(), tensors.clone()).unwrap();
            let mut trainer = trainer.judged(judging, 1).unwrap();
            let losses = trainer.step(&x, &epsilon, pace);
            let [_, maker] = losses.verdict.unwrap();
            let weight = weight.unwrap_or(trainer.verdict_weight());
            let loss = match judging {
                Judging::Alone => maker,
                _ => losses.reconstruction + pace.beta * losses.kl + weight * maker,
            };
            (f64::from(loss), trainer.gradients(), weight)
        };
        let (_, gradients, weight) = step(&fresh, None);
        for (name, i) in [
            ("decoder.2.bias", 0),
            ("decoder.1.weight", 7),
            ("decoder.0.bias", 5),
        ] {
            let moved = |by: f32| {
                let mut tensors = fresh.clone();
                tensors.get_mut(name).unwrap().data[i] += by;
                step(&tensors, Some(weight)).0
            };
            let expected = (moved(0.02) - moved(-0.02)) / 0.04;
            let found = f64::from(gradients[name].data[i]);
            let error = (found - expected).abs();
            assert!(
                error < 2e-3 + 0.02 * expected.abs(),
                "{judging:?} {name}: {found} {expected}"
            );
        }
    }
}

#[test]
fn a_loss_that_is_no_number_leads_back_to_an_earlier_step() {
    let mut run = run();
    steps(&mut run, 250);
    let pace = Pace {
        rate: 1.0,
        beta: 1e4,
        free: 0.0,
    };
    run.set_pace(pace).unwrap();
    let error = (0..2000).find_map(|_| run.step().err());
    let Some(Error::Diverged {
        failed,
        good,
        advice,
    }) = error
    else {
        panic!("it did not diverge");
    };
    assert!(good < failed && good == run.trainer().steps());
    assert!((advice - 0.25).abs() < 1e-6);
    run.set_pace(Pace {
        rate: 1e-3,
        beta: 1.0,
        ..pace
    })
    .unwrap();
    assert!(steps(&mut run, 20).is_finite());
}

#[test]
fn a_trained_model_is_read_as_any_other() {
    for network in [Network::Mlp, Network::Convolutional] {
        let design = design(network, Likelihood::Bernoulli, SHAPE);
        let mut run = Run::new(design, pictures(), settings()).unwrap();
        steps(&mut run, 30);
        let files = run.trainer().files(|spec| spec.title = "Bars".into());
        let (json, weights) = files.unwrap();
        let model = Model::read(&json, &weights).unwrap();
        assert_eq!(model.spec.title, "Bars");
        let mut read = vaelet_cpu::CpuRuntime::new(&model);
        let z = random::normals(1, 6);
        for (a, b) in read.decode(&z).iter().zip(run.runtime().decode(&z)) {
            assert!((a - b).abs() < 5e-3);
        }
    }
}

#[test]
fn what_is_followed_is_a_step_like_any_other() {
    let (mut plain, mut followed) = (run(), run());
    steps(&mut plain, 3);
    steps(&mut followed, 2);
    let shown = followed.follow(2).unwrap();
    assert_eq!(
        plain.trainer().parameters(),
        followed.trainer().parameters()
    );
    assert_eq!((shown.x.len(), shown.z.len(), shown.y.len()), (128, 6, 128));
    assert!(
        shown
            .moved
            .values()
            .any(|t| t.data.iter().any(|v| *v != 0.0))
    );
}

#[test]
fn settings_out_of_range_are_named() {
    let shape = ImageShape { height: 7, ..SHAPE };
    let convolutional = design(Network::Convolutional, Likelihood::Bernoulli, shape).describe();
    assert!(
        convolutional
            .unwrap_err()
            .to_string()
            .contains("multiple of 4")
    );
    let mut run = run();
    let pace = Pace {
        rate: f32::NAN,
        beta: 1.0,
        free: 0.0,
    };
    let error = run.set_pace(pace).unwrap_err();
    assert_eq!(
        error.to_string(),
        "learning rate is NaN; it has to be from 0 to 1"
    );
}
