//! The passes fuse what they should, and values share memory only when they may.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use vaelet_model::{
    Activation, EntryPoint, Finish, Kernel, Layer, Op, Program, Schedule, Slots, Step, Wrt,
};
use vaelet_reference::networks;

fn conv(activation: Activation, params: &str) -> Layer {
    Layer::conv2d([4, 4], [3, 1, 1], activation, params)
}

/// A condition costs one map; its addition, activation and reshape are fused.
#[test]
fn conditions_are_fused_into_maps() {
    let linear = Layer::linear(7, 30, Activation::None, "l");
    let condition = Layer::Condition {
        outputs: 30,
        activation: Activation::Silu,
        params: "c".into(),
    };
    let image = Layer::reshape([2, 3, 5]);
    let layers = [linear, condition.clone(), image];
    let chain =
        |layers: &[Layer]| Program::conditional_chain("test", [1, 1, 7], (None, 4), layers, None);
    let program = chain(&layers).unwrap();
    let steps = Schedule::new(&program, &[]).steps;
    assert_eq!(steps.len(), 2);
    assert!(steps.iter().all(|step| step.map().is_some()));
    assert_eq!(steps[1].activation(), Activation::Silu);
    for step in &steps {
        assert_eq!(program.values[step.output].shape, [2, 3, 5]);
    }
    // The operands of the sum must be reshapable as well, and a residual block's are not.
    let residual = Layer::Residual {
        layers: vec![Layer::linear(30, 30, Activation::None, "r")],
        activation: Activation::None,
    };
    let [linear, condition, image] = layers;
    assert!(chain(&[linear, residual, condition, image]).is_err());
}

/// A layer and a residual block.
fn block(activation: Activation) -> Program {
    let residual = Layer::Residual {
        layers: vec![conv(activation, "a"), conv(Activation::None, "b")],
        activation,
    };
    let layers = [conv(activation, "0"), residual];
    Program::chain("test", [5, 6, 4], &layers, Some([5, 6, 4])).unwrap()
}

#[test]
fn additions_and_activations_are_fused_into_maps() {
    let program = block(Activation::Silu);
    assert_eq!(
        program.nodes.len(),
        7,
        "three maps, three activations and an addition"
    );
    let schedule = Schedule::new(&program, &[]);
    assert_eq!(schedule.steps.len(), 3);
    for (i, step) in schedule.steps.iter().enumerate() {
        assert!(matches!(step.kernel, Kernel::Map(..)));
        assert_eq!(step.finish, Finish::Activate(Activation::Silu));
        assert_eq!(step.add.is_some(), i == 2);
    }
}

#[test]
fn kept_values_are_not_fused() {
    let program = block(Activation::Relu);
    let before = program.nodes[0].output;
    assert!(matches!(program.nodes[0].op, Op::Map(..)));
    let schedule = Schedule::new(&program, &[before]);
    assert_eq!(schedule.steps[0].output, before);
    assert_eq!(schedule.steps[1].kernel, Kernel::Identity);
    assert_eq!(schedule.steps.len(), 4);
}

#[test]
fn derivatives_and_sums_of_gradients_are_fused_into_adjoints() {
    for (activation, kept) in [(Activation::Relu, 0), (Activation::Silu, 3)] {
        let reversed = block(activation)
            .reverse(EntryPoint::Forward, Wrt::All)
            .unwrap();
        let schedule = Schedule::new(&reversed.program, &reversed.kept());
        // SiLU's derivative needs the argument, so that is stored by a separate step. The first
        // derivative follows no map.
        let identities = schedule
            .steps
            .iter()
            .filter(|step| step.kernel == Kernel::Identity);
        assert_eq!(identities.count(), kept + 1, "{activation:?}");
        let backward = schedule.entry(EntryPoint::Backward);
        let steps = &schedule.steps[backward.unwrap().range.clone()];
        assert_eq!(steps.len(), 4, "{activation:?}");
        let adds = steps.iter().filter(|step| step.add.is_some());
        assert_eq!(adds.count(), 1, "the block's input is read twice");
        let maps = steps.iter().filter_map(Step::map);
        assert!(
            maps.clone()
                .all(|(_, params)| params.adjoint && params.bias == 0)
        );
        assert_eq!(maps.count(), 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..Default::default() })]

    /// No value is overwritten before the last step that reads it.
    #[test]
    fn values_alive_together_never_share_a_slot(seed in any::<u64>()) {
        let reversed = networks::chain(seed).reverse(EntryPoint::Forward, Wrt::All).unwrap();
        let schedules = [
            (Schedule::new(&networks::chain(seed), &[]), vec![]),
            (Schedule::new(&reversed.program, &reversed.kept()), reversed.kept()),
        ];
        for (schedule, kept) in schedules {
            let slots = Slots::new(&schedule, &kept, &|value| schedule.values[value].len());
            let mut owner = vec![None; slots.sizes.len()];
            for entry in &schedule.entries {
                for &input in &entry.inputs {
                    owner[slots.of[input].unwrap()] = Some(input);
                }
            }
            for step in &schedule.steps {
                for value in step.reads() {
                    prop_assert_eq!(owner[slots.of[value].unwrap()], Some(value));
                }
                let slot = slots.of[step.output].unwrap();
                prop_assert!(schedule.values[step.output].len() <= slots.sizes[slot]);
                prop_assert!(step.reads().all(|value| slots.of[value] != Some(slot)));
                owner[slot] = Some(step.output);
            }
            for value in kept {
                prop_assert_eq!(owner[slots.of[value].unwrap()], Some(value));
            }
        }
    }
}
