//! Tests of the book and of the venues' synchronisation.
