//! The catalogues are whole, and spoken where they should be.

use super::*;

#[test]
fn the_language_of_the_system_is_spoken_if_there_is_a_catalogue() {
    let of = |locale: &str| of_system(Some(locale.into()));
    assert_eq!(of("de-DE"), Language::De);
    assert_eq!(of("pt_BR.UTF-8"), Language::Pt);
    assert_eq!(of("es"), Language::Es);
    assert_eq!(of("en-GB"), Language::En);
    assert_eq!(of("fr-FR"), Language::En);
    assert_eq!(of_system(None), Language::En);
}
