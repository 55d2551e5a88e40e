//! What XEP-0479 (XMPP Compliance Suites 2023, version 0.1.0) asks of an Advanced Server, category by category.

/// A specification that a category asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// `RFC` or `XEP`.
    pub kind: &'static str,
    /// Its number.
    pub number: u16,
    /// Already wanted of a Server that is not Advanced.
    pub basic: bool,
}

const fn xep(number: u16) -> Wanted {
    Wanted { kind: "XEP", number, basic: true }
}

const fn rfc(number: u16) -> Wanted {
    Wanted { kind: "RFC", number, basic: true }
}

const fn advanced(number: u16) -> Wanted {
    Wanted { kind: "XEP", number, basic: false }
}

/// The five categories. Core is a part of each of the others.
pub const SUITE: &[(&str, &[Wanted])] = &[
    (
        "Core",
        &[rfc(6120), rfc(7590), advanced(368), xep(30), advanced(115), xep(114), advanced(163), advanced(60)],
    ),
    ("Web", &[rfc(7395), xep(124), xep(206), advanced(156)]),
    (
        "IM",
        &[
            rfc(6121),
            xep(54),
            xep(280),
            xep(45),
            xep(249),
            xep(363),
            advanced(398),
            advanced(153),
            advanced(191),
            advanced(48),
            advanced(313),
            advanced(402),
            advanced(410),
            advanced(223),
            advanced(49),
            advanced(198),
        ],
    ),
    ("Mobile", &[xep(198), xep(352), advanced(357)]),
    ("A/V", &[xep(215)]),
];
