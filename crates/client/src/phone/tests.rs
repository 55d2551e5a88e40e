//! Two phones, and a phone and a registrar, on loopback.
