//! Call control: registrar, dial plan, back-to-back user agent, call events.
