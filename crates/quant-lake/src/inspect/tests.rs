//! Inspections of files made by the encoders.
