//! The names that Go knows for `\p{…}`: `unicode.Categories` and `unicode.Scripts`, and since
//! Go 1.25 the aliases of categories, in any spelling (`syntax.unicodeTable`).

/// Categories of every Go release.
const CATEGORIES: &str = "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po \
                          Ps S Sc Sk Sm So Z Zl Zp Zs";

/// Scripts of every Go release (Unicode 13).
const SCRIPTS: &str = "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum \
    Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal \
    Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot \
    Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic \
    Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul \
    Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited \
    Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li \
    Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B \
    Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi \
    Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi \
    Mongolian Mro Multani Myanmar Nabataean Nandinagari New_Tai_Lue Newa Nko Nushu \
    Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic \
    Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Oriya Osage Osmanya Pahawh_Hmong \
    Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra \
    Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese \
    Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangut Telugu Thaana \
    Thai Tibetan Tifinagh Tirhuta Ugaritic Vai Wancho Warang_Citi Yezidi Yi Zanabazar_Square";

/// Scripts since Go 1.21 (Unicode 15).
const SCRIPTS_1_21: &str = "Cypro_Minoan Kawi Nag_Mundari Old_Uyghur Tangsa Toto Vithkuqi";

/// What Go 1.25 reads besides, in its canonical spelling, and what it means.
const NAMES_1_25: &[(&str, &str)] = &[
    ("Any", "Any"),
    ("Ascii", "ASCII"),
    ("Assigned", "Assigned"),
    ("Casedletter", "LC"),
    ("Closepunctuation", "Pe"),
    ("Cn", "Cn"),
    ("Cntrl", "Cc"),
    ("Combiningmark", "M"),
    ("Connectorpunctuation", "Pc"),
    ("Control", "Cc"),
    ("Currencysymbol", "Sc"),
    ("Dashpunctuation", "Pd"),
    ("Decimalnumber", "Nd"),
    ("Digit", "Nd"),
    ("Enclosingmark", "Me"),
    ("Finalpunctuation", "Pf"),
    ("Format", "Cf"),
    ("Initialpunctuation", "Pi"),
    ("Lc", "LC"),
    ("Letter", "L"),
    ("Letternumber", "Nl"),
    ("Lineseparator", "Zl"),
    ("Lowercaseletter", "Ll"),
    ("Mark", "M"),
    ("Mathsymbol", "Sm"),
    ("Modifierletter", "Lm"),
    ("Modifiersymbol", "Sk"),
    ("Nonspacingmark", "Mn"),
    ("Number", "N"),
    ("Openpunctuation", "Ps"),
    ("Other", "C"),
    ("Otherletter", "Lo"),
    ("Othernumber", "No"),
    ("Otherpunctuation", "Po"),
    ("Othersymbol", "So"),
    ("Paragraphseparator", "Zp"),
    ("Privateuse", "Co"),
    ("Punct", "P"),
    ("Punctuation", "P"),
    ("Separator", "Z"),
    ("Spaceseparator", "Zs"),
    ("Spacingmark", "Mc"),
    ("Surrogate", "Cs"),
    ("Symbol", "S"),
    ("Titlecaseletter", "Lt"),
    ("Unassigned", "Cn"),
    ("Uppercaseletter", "Lu"),
];

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// A class of the regex crate, such as `gc=Lu`; `true` where it has to be turned around.
    Class(&'static str, &'static str, bool),
    /// Every character.
    Any,
    /// The releases of Go that may have built KMM do not agree.
    Unclear,
    /// No Go knows it.
    Unknown,
}

fn word(list: &'static str, name: &str) -> Option<&'static str> {
    list.split_whitespace().find(|known| *known == name)
}

/// The meaning of a name in Go 1.`go` and later ones.
pub(super) fn named(name: &str, go: u8) -> Named {
    let canonical = canonical(name);
    let newer = in_1_25(&canonical);
    let older = in_1_24(name, go);
    if go >= 25 {
        // Scripts of several words are names for Go up to 1.24, and none for 1.25.
        match (newer, older) {
            (Named::Unknown, Named::Unknown) => Named::Unknown,
            (Named::Unknown, _) => Named::Unclear,
            (newer, _) => newer,
        }
    } else {
        match (newer, older) {
            (Named::Unknown, older) => older,
            (_, Named::Unknown) => Named::Unclear,
            (_, older) => older,
        }
    }
}

fn in_1_24(name: &str, go: u8) -> Named {
    if name == "Any" {
        return Named::Any;
    }
    if let Some(name) = word(CATEGORIES, name) {
        return Named::Class("gc", name, false);
    }
    if let Some(name) = word(SCRIPTS, name) {
        return Named::Class("sc", name, false);
    }
    match word(SCRIPTS_1_21, name) {
        Some(name) if go >= 21 => Named::Class("sc", name, false),
        Some(_) => Named::Unclear,
        None => Named::Unknown,
    }
}

fn in_1_25(canonical: &str) -> Named {
    let alias = NAMES_1_25.iter().find(|(name, _)| *name == canonical);
    match alias.map(|(_, meaning)| *meaning) {
        Some("Any") => Named::Any,
        Some("ASCII") => Named::Class("", "ascii", false),
        Some("Assigned") => Named::Class("gc", "Cn", true),
        Some(category) => Named::Class("gc", category, false),
        None => match in_1_24(canonical, 25) {
            Named::Class(kind, name, sign) => Named::Class(kind, name, sign),
            _ => Named::Unknown,
        },
    }
}

/// Go, `syntax.canonicalName`: the first letter large, all others small, without separators.
fn canonical(name: &str) -> String {
    let mut letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let rest = letters.map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(rest).collect()
}
