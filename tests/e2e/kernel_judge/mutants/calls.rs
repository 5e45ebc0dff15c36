//! Words of a Module's own: parameters and arguments of `modprobe`, as people write them.

use super::random::Random;

/// Parameters of kmm_good, and what is none.
const NAMES: [&str; 14] = [
    "answer", "answer", "loud", "loud", "label", "label", "steps", "steps", "nothing", "an-swer",
    "ANSWER", "dyndbg", "--", "",
];

const VALUES: [&str; 36] = [
    "7",
    "-7",
    "+7",
    "0x7",
    "0X7f",
    "-0x7",
    "07",
    "08",
    "7k",
    "7 ",
    " 7",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "1e3",
    "Y",
    "n",
    "on",
    "off",
    "oN",
    "true",
    "2",
    "1,2,3",
    "1,2,3,4",
    "1,2,",
    ",",
    "1, 2",
    "a b",
    "a=b",
    "'7'",
    "\"7\"",
    "\"a b\"",
    "\"7",
    "",
];

const ARGUMENTS: [&str; 10] = [
    "-f",
    "-q",
    "-b",
    "-s",
    "-i",
    "-v",
    "-a",
    "--first-time",
    "--force-vermagic",
    "--force-modversion",
];

/// Parameters, and arguments.
pub(super) fn words(random: &mut Random, count: usize) -> (Vec<String>, Vec<String>) {
    let mut parameters = Vec::new();
    let mut arguments = Vec::new();
    for _ in 0..count {
        if random.below(5) == 0 {
            arguments.push((*random.pick(&ARGUMENTS)).to_owned());
        } else {
            parameters.push(parameter(random));
        }
    }
    (parameters, arguments)
}

fn parameter(random: &mut Random) -> String {
    let (name, value) = (*random.pick(&NAMES), *random.pick(&VALUES));
    match random.below(10) {
        0 => name.to_owned(),
        1 => format!("\"{name}={value}\""),
        2 => format!("{name} = {value}"),
        3 => format!("{name}={value} {}=1", random.pick(&NAMES)),
        4 => format!("{name}=\"{value}\""),
        _ => format!("{name}={value}"),
    }
}
