//! Prints the OpenAPI document of the administration: `cargo run -p web --example openapi > docs/openapi.json`.

fn main() {
    println!("{:#}", web::Web::openapi());
}
