//! Prints the specifications that are implemented, one a line: kind, number, version or sections, file, what is
//! missing. `cargo xtask compliance` makes its pages from it.

use im::Spec;

fn main() {
    let server = [operations::migration::ABOUT];
    for about in im::features::ALL.iter().chain(web::SPECIFICATIONS).chain(&server) {
        for spec in about.specs {
            let (kind, number, version, missing) = match spec {
                Spec::Rfc(number, sections) => ("RFC", number, sections, ""),
                Spec::Xep(number, version) => ("XEP", number, version, ""),
                Spec::Partly(number, version, missing) => ("XEP", number, version, *missing),
            };
            println!("{kind}\t{number}\t{version}\t{}\t{missing}", about.name);
        }
    }
}
