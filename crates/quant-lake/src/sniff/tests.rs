//! Sniffing of texts made by the encoders.
