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

/// Attributes of spoken digits: which it is, who says it, and how long it takes.
pub(super) const VOICE: &[Rule] = &[
    certain(
        "zero",
        Column::Words(
            "digit",
            &["0"],
            &["1", "2", "3", "4", "5", "6", "7", "8", "9"],
        ),
    ),
    certain(
        "one",
        Column::Words(
            "digit",
            &["1"],
            &["0", "2", "3", "4", "5", "6", "7", "8", "9"],
        ),
    ),
    certain(
        "two",
        Column::Words(
            "digit",
            &["2"],
            &["0", "1", "3", "4", "5", "6", "7", "8", "9"],
        ),
    ),
    certain(
        "three",
        Column::Words(
            "digit",
            &["3"],
            &["0", "1", "2", "4", "5", "6", "7", "8", "9"],
        ),
    ),
    certain(
        "four",
        Column::Words(
            "digit",
            &["4"],
            &["0", "1", "2", "3", "5", "6", "7", "8", "9"],
        ),
    ),
    certain(
        "five",
        Column::Words(
            "digit",
            &["5"],
            &["0", "1", "2", "3", "4", "6", "7", "8", "9"],
        ),
    ),
    certain(
        "six",
        Column::Words(
            "digit",
            &["6"],
            &["0", "1", "2", "3", "4", "5", "7", "8", "9"],
        ),
    ),
    certain(
        "seven",
        Column::Words(
            "digit",
            &["7"],
            &["0", "1", "2", "3", "4", "5", "6", "8", "9"],
        ),
    ),
    certain(
        "eight",
        Column::Words(
            "digit",
            &["8"],
            &["0", "1", "2", "3", "4", "5", "6", "7", "9"],
        ),
    ),
    certain(
        "nine",
        Column::Words(
            "digit",
            &["9"],
            &["0", "1", "2", "3", "4", "5", "6", "7", "8"],
        ),
    ),
    certain(
        "george",
        Column::Words(
            "speaker",
            &["george"],
            &["jackson", "lucas", "nicolas", "theo", "yweweler"],
        ),
    ),
    certain(
        "jackson",
        Column::Words(
            "speaker",
            &["jackson"],
            &["george", "lucas", "nicolas", "theo", "yweweler"],
        ),
    ),
    certain(
        "lucas",
        Column::Words(
            "speaker",
            &["lucas"],
            &["george", "jackson", "nicolas", "theo", "yweweler"],
        ),
    ),
    certain(
        "nicolas",
        Column::Words(
            "speaker",
            &["nicolas"],
            &["george", "jackson", "lucas", "theo", "yweweler"],
        ),
    ),
    certain(
        "theo",
        Column::Words(
            "speaker",
            &["theo"],
            &["george", "jackson", "lucas", "nicolas", "yweweler"],
        ),
    ),
    certain(
        "yweweler",
        Column::Words(
            "speaker",
            &["yweweler"],
            &["george", "jackson", "lucas", "nicolas", "theo"],
        ),
    ),
    certain("long", Column::Number("trimmed_seconds", 0.3, 0.47)),
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
