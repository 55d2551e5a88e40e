//! RTP: port pool, symmetric relay, echo, tones, DTMF.
