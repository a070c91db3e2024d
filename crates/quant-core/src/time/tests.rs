//! Tests of instants, days and ranges.
use super::*;
use proptest::prelude::*;

#[test]
fn days_match_known_dates() {
    assert_eq!(Day::from_ymd(1970, 1, 1), Some(Day(0)));
    assert_eq!(Day::from_ymd(2000, 2, 29), Some(Day(11_016)));
    assert_eq!(Day::from_ymd(1900, 2, 29), None);
    assert_eq!(Day::from_ymd(2023, 2, 30), None);
    assert_eq!(
        "2024-08-08".parse::<Day>().map(|d| d.start().0),
        Ok(1_723_075_200_000_000)
    );
}

#[test]
fn instants_print_and_parse_back() {
    for text in [
        "2024-08-08T23:54:16Z",
        "2024-08-08T23:54:16.123Z",
        "1969-12-31T23:59:59.999999Z",
    ] {
        assert_eq!(
            text.parse::<UnixMicros>().map(|t| t.to_string()),
            Ok(text.to_owned())
        );
    }
    assert_eq!(
        "2021-12-31 23:01:00.000000".parse::<UnixMicros>(),
        Ok(UnixMicros(1_640_991_660_000_000))
    );
    for text in [
        "",
        "2024",
        "2024-13-01",
        "2024-01-01T24:00:00",
        "2024-01-01T00:00:00.1234567",
        "2024-01-01x00:00",
    ] {
        assert!(text.parse::<UnixMicros>().is_err(), "{text}");
    }
}

#[test]
fn ranges_are_half_open() {
    let day = Day(10).range();
    assert!(day.contains(Day(10).start()) && !day.contains(Day(11).start()));
    assert_eq!(day.days().collect::<Vec<_>>(), vec![Day(10)]);
    assert!(TimeRange::new(day.end, day.start).is_err());
    assert!(TimeRange::new(day.start, day.start).is_err());
}

proptest! {
    #[test]
    fn civil_dates_round_trip(n in -700_000_i32..2_900_000) {
        let (y, m, d) = Day(n).ymd();
        if (0..=9999).contains(&y) {
            prop_assert_eq!(Day::from_ymd(y, m, d), Some(Day(n)));
            prop_assert_eq!(Day(n).to_string().parse::<Day>(), Ok(Day(n)));
        }
    }

    #[test]
    fn floor_lies_at_or_before(us in any::<i32>()) {
        let t = UnixMicros(i64::from(us) * 997);
        let f = t.floor_minute();
        prop_assert!(f <= t && t.0 - f.0 < MICROS_PER_MINUTE && f.0 % MICROS_PER_MINUTE == 0);
        prop_assert_eq!(t.to_string().parse::<UnixMicros>(), Ok(t));
    }
}

#[test]
fn instants_are_read_from_counts_and_from_text() {
    use serde::de::IntoDeserializer;
    use serde::de::value::{
        BoolDeserializer, Error, I64Deserializer, StrDeserializer, U64Deserializer,
    };

    let count: I64Deserializer<Error> = (-5_i64).into_deserializer();
    assert_eq!(UnixMicros::deserialize(count), Ok(UnixMicros(-5)));
    let count: U64Deserializer<Error> = 7_u64.into_deserializer();
    assert_eq!(UnixMicros::deserialize(count), Ok(UnixMicros(7)));
    let too_large: U64Deserializer<Error> = u64::MAX.into_deserializer();
    assert!(UnixMicros::deserialize(too_large).is_err());
    let text: StrDeserializer<'_, Error> = "1970-01-01T00:00:01Z".into_deserializer();
    assert_eq!(UnixMicros::deserialize(text), Ok(UnixMicros(1_000_000)));
    let text: StrDeserializer<'_, Error> = "yesterday".into_deserializer();
    assert!(
        UnixMicros::deserialize(text)
            .unwrap_err()
            .to_string()
            .contains("not a UTC time")
    );
    let flag: BoolDeserializer<Error> = true.into_deserializer();
    assert!(UnixMicros::deserialize(flag).is_err());
}
