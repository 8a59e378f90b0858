//! How attributes are read from the columns of `labels.csv`, by data set.

use crate::data::Table;
use crate::data::attributes::{Column, Rule};

/// Attributes of the portraits. The London Set shows each person both smiling and neutral.
pub(super) const PORTRAIT: &[Rule] = &[
    Rule {
        name: "smile",
        certain: Column::Words("expression", &["smiling"], &["neutral"]),
        guess: Some(Column::Number("smile_score", 0.2, 0.9)),
        hidden: None,
    },
    certain("turn", Column::Number("yaw", -0.1, 0.1)),
    certain("youth", Column::Number("birth_year", 1947.0, 1964.0)),
];

/// Attributes of the avatars, which were drawn from their labels.
pub(super) const AVATAR: &[Rule] = &[
    certain(
        "smile",
        Column::Words("mouth", &["smile"], &["sad", "serious", "concerned"]),
    ),
    certain(
        "glasses",
        Column::Words(
            "accessories",
            &[
                "round",
                "prescription01",
                "prescription02",
                "wayfarers",
                "sunglasses",
            ],
            &[""],
        ),
    ),
    certain(
        "beard",
        Column::Words(
            "facialHair",
            &["beardLight", "beardMedium", "beardMajestic"],
            &[""],
        ),
    ),
    certain(
        "long hair",
        Column::Words(
            "top",
            &[
                "straight01",
                "straight02",
                "longButNotTooLong",
                "bob",
                "curly",
            ],
            &[
                "shortFlat",
                "shortRound",
                "theCaesar",
                "theCaesarAndSidePart",
                "sides",
            ],
        ),
    ),
    Rule {
        hidden: Some(("top", &["", "hat", "hijab", "turban", "winterHat02"])),
        ..certain(
            "fair hair",
            Column::Words(
                "hairColor",
                &["#e8e1e1", "#ecdcbf", "#d6b370"],
                &["#2c1b18", "#4a312c", "#724133"],
            ),
        )
    },
    certain(
        "dark skin",
        Column::Words(
            "skinColor",
            &["#614335", "#ae5d29"],
            &["#ffdbb4", "#edb98a"],
        ),
    ),
    certain(
        "warm background",
        Column::Words(
            "primaryBackgroundColor",
            &["#ffdfbf", "#ffd5dc"],
            &["#b6e3f4", "#d1d4f9"],
        ),
    ),
];

/// Attributes of the pixel-art people, which were composed from their labels.
pub(super) const CHARACTER: &[Rule] = &[
    certain(
        "facing away",
        Column::Words("direction", &["up"], &["down"]),
    ),
    certain(
        "facing right",
        Column::Words("direction", &["right"], &["left"]),
    ),
    certain(
        "green skin",
        Column::Words("skin", &["orc"], &["light", "tanned", "tanned2"]),
    ),
    certain(
        "dark skin",
        Column::Words("skin", &["dark", "dark2"], &["light", "tanned", "tanned2"]),
    ),
    Rule {
        hidden: Some((
            "hat",
            &[
                "chain hood",
                "metal helm",
                "cloth hood",
                "golden helm",
                "leather cap",
                "chainhat",
            ],
        )),
        ..certain(
            "fair hair",
            Column::Words(
                "hair_color",
                &["blonde", "gold", "white-blonde", "white"],
                &["black", "raven", "brunette", "brown"],
            ),
        )
    },
    certain(
        "armour",
        Column::Words(
            "torso",
            &["chain mail", "plate chest", "gold chest"],
            &[
                "white longsleeve",
                "teal longsleeve",
                "brown longsleeve",
                "maroon longsleeve",
            ],
        ),
    ),
    certain(
        "robe",
        Column::Words(
            "legs",
            &["robe skirt"],
            &["white pants", "teal pants", "red pants", "magenta pants"],
        ),
    ),
];

const fn certain(name: &'static str, certain: Column) -> Rule {
    Rule {
        name,
        certain,
        guess: None,
        hidden: None,
    }
}

pub(super) const fn sheets(rules: &'static [Rule]) -> Table {
    Table {
        rules,
        classes: None,
    }
}
