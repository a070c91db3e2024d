//! The book of a recording: ids or the old checksum prove that no update is missing, a new connection starts again.

use quant_core::market::book::{OkxSync, OkxTextBook, Step};
use quant_core::market::{BookLevel, Side};

use super::{Context, OkxRecordingOptions};
use crate::schema::Dataset;
use crate::venues::book_flow::{BookFlow, BookMessage, BookOptions, Cadence, Loss};
use crate::venues::capture::Via;
use crate::venues::json::Json;
use crate::venues::json_values::{millis, need, set};
use crate::venues::message_order::MessageOrder;
use crate::venues::okx::encode::book::BookChannel;
use crate::venues::okx::levels::{for_each_text, read_levels};
use crate::venues::rows::RowProblem;
use crate::venues::tables::Tables;

/// The book of one channel.
#[derive(Debug)]
pub(super) struct LiveBook {
    levels: u16,
    cadence: Cadence,
    channel: Option<BookChannel>,
    via: Via,
    sync: OkxSync,
    flow: Option<BookFlow>,
    order: MessageOrder,
    texts: TextCheck,
    bids: Vec<BookLevel>,
    asks: Vec<BookLevel>,
    waited: u64,
    of_other_channels: u64,
}

/// What a message says beside its levels.
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    ts: i64,
    prev: Option<i64>,
    seq: Option<i64>,
    checksum: Option<i64>,
    bids: &'a [u8],
    asks: &'a [u8],
}

impl LiveBook {
    pub(super) fn new(options: &OkxRecordingOptions) -> Self {
        Self {
            levels: options.levels,
            cadence: options.cadence,
            channel: options.book_channel,
            via: Via::default(),
            sync: OkxSync::new(),
            flow: None,
            order: MessageOrder::default(),
            texts: TextCheck::default(),
            bids: Vec::new(),
            asks: Vec::new(),
            waited: 0,
            of_other_channels: 0,
        }
    }

    /// Takes a push of a channel of snapshots and updates.
    pub(super) fn push(
        &mut self,
        channel: BookChannel,
        action: Option<&[u8]>,
        data: &[u8],
        cx: &Context<'_>,
        out: &mut Tables,
    ) {
        if !out.wants(Dataset::L2Deltas) && !out.wants(Dataset::L2Snapshots) {
            return;
        }
        if *self.channel.get_or_insert(channel) != channel {
            self.of_other_channels += 1;
            return;
        }
        let mut flow = match self.flow.take() {
            Some(flow) => flow,
            None => BookFlow::new(
                BookOptions {
                    levels: self.levels,
                    cadence: self.cadence,
                    unit: cx.unit,
                },
                out,
            ),
        };
        self.via.saw(cx.conn);
        let taken = self.items(action, data, cx, &mut flow, out);
        if let Err(problem) = taken {
            self.void(&mut flow, cx.received, out);
            out.refuse(flow.reported_under(), cx.text, problem);
        }
        self.flow = Some(flow);
    }

    fn items(
        &mut self,
        action: Option<&[u8]>,
        data: &[u8],
        cx: &Context<'_>,
        flow: &mut BookFlow,
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        let is_snapshot = match action {
            Some(b"snapshot") => true,
            Some(b"update") => false,
            _ => {
                return Err(RowProblem::UnknownName {
                    column: "action",
                    expected: "snapshot or update",
                });
            }
        };
        let mut json = Json::new(data);
        json.array()?;
        while json.element()? {
            let head = self.read(&mut json, data, cx)?;
            self.take(is_snapshot, &head, cx, flow, out)?;
        }
        Ok(())
    }

    /// Reads one book into `bids` and `asks`.
    fn read<'a>(
        &mut self,
        json: &mut Json<'a>,
        data: &'a [u8],
        cx: &Context<'_>,
    ) -> Result<Head<'a>, RowProblem> {
        let (mut ts, mut prev, mut seq, mut checksum) = (None, None, None, None);
        let (mut bids, mut asks) = (None, None);
        json.object()?;
        while let Some(key) = json.key()? {
            match key {
                b"ts" => set(&mut ts, "ts", millis(json, "ts")?)?,
                b"seqId" => set(&mut seq, "seqId", json.integer("seqId")?)?,
                b"prevSeqId" => set(&mut prev, "prevSeqId", json.integer("prevSeqId")?)?,
                b"checksum" => set(&mut checksum, "checksum", json.integer("checksum")?)?,
                b"asks" => {
                    let from = json.position();
                    read_levels(json, cx.unit, &mut self.asks)?;
                    set(&mut asks, "asks", &data[from..json.position()])?;
                }
                b"bids" => {
                    let from = json.position();
                    read_levels(json, cx.unit, &mut self.bids)?;
                    set(&mut bids, "bids", &data[from..json.position()])?;
                }
                _ => json.skip()?,
            }
        }
        let head = Head {
            ts: need(ts, "ts")?,
            prev,
            seq,
            // A checksum of 0 is the dead field of today.
            checksum: checksum.filter(|sum| *sum != 0),
            bids: need(bids, "bids")?,
            asks: need(asks, "asks")?,
        };
        self.order.check(head.ts, cx.received, "ts")?;
        Ok(head)
    }

    fn take(
        &mut self,
        is_snapshot: bool,
        head: &Head<'_>,
        cx: &Context<'_>,
        flow: &mut BookFlow,
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        // The number -1 before a snapshot means nothing.
        let prev = head.prev.filter(|prev| *prev >= 0 && !is_snapshot);
        let step = self.sync.on_message(is_snapshot, prev, head.seq);
        let mut message = BookMessage {
            ts_event: head.ts,
            ts_recv: cx.received,
            msg_seq: 0,
            ids: (0, 0),
            prev_id: prev,
            update_id: None,
            is_snapshot,
            bids: &self.bids,
            asks: &self.asks,
        };
        let loss = Loss {
            ts_event: Some(head.ts),
            ts_recv: cx.received,
            last_id: head.seq,
        };
        match step {
            Step::Replace | Step::Apply => {
                if self.texts.agrees(is_snapshot, head, flow, out)? {
                    number(&mut self.order, head, &mut message);
                    flow.apply(&message, out);
                } else {
                    flow.leave_out(&message, "messages_with_wrong_checksum", out);
                    out.saw(head.ts);
                    self.sync.reset();
                    flow.void(loss, out);
                }
            }
            Step::KeepAlive => {
                if !self.bids.is_empty() || !self.asks.is_empty() {
                    return Err(RowProblem::Field {
                        field: "seqId",
                        problem: "equal to prevSeqId, which says that nothing changed, in a message with levels",
                    });
                }
                // It proves that the book still holds at its time.
                number(&mut self.order, head, &mut message);
                flow.apply(&message, out);
                out.diagnose(flow.reported_under(), "keep_alives", 1);
            }
            Step::Break(_) => {
                flow.leave_out(&message, "sequence_breaks", out);
                out.saw(head.ts);
                self.texts.stop();
                flow.void(loss, out);
            }
            _ => {
                self.waited += 1;
                flow.leave_out(&message, "messages_before_snapshot", out);
            }
        }
        Ok(())
    }

    /// A line could not be read: it may have been an update, and a stream without ids would not tell.
    pub(super) fn unreadable(&mut self, received: Option<i64>, out: &mut Tables) {
        if self.sync.is_unsequenced() && !self.texts.is_checking() {
            self.start_again(received, out);
        }
    }

    /// Starts again if its connection was opened anew.
    pub(super) fn connection_lost(&mut self, conn: Option<&[u8]>, out: &mut Tables) {
        if self.via.is_cut_by(conn) {
            self.start_again(None, out);
        }
    }

    fn start_again(&mut self, received: Option<i64>, out: &mut Tables) {
        if let Some(mut flow) = self.flow.take() {
            self.void(&mut flow, received, out);
            self.flow = Some(flow);
        }
    }

    /// Gives up the book without a message that tells when.
    fn void(&mut self, flow: &mut BookFlow, received: Option<i64>, out: &mut Tables) {
        if self.sync.is_synced() {
            self.sync.reset();
            let loss = Loss {
                ts_recv: received,
                ..Loss::default()
            };
            flow.void(loss, out);
        }
        self.texts.stop();
    }

    pub(super) fn finish(&mut self, out: &mut Tables) {
        let Some(flow) = self.flow.take() else {
            return;
        };
        let under = flow.reported_under();
        for (name, n) in [
            ("id_resets", self.sync.n_resets()),
            ("messages_of_other_book_channels", self.of_other_channels),
        ] {
            if n > 0 {
                out.diagnose(under, name, n);
            }
        }
        if self.waited > 0 {
            let text = format!(
                "{} updates came without a snapshot before them",
                self.waited
            );
            out.remark(under, text);
        }
        if self.texts.failed > 0 {
            let text = format!(
                "{} checksums of the venue do not match the book, {} do",
                self.texts.failed, self.texts.verified
            );
            out.remark(under, text);
        }
    }
}

/// Gives a message that is going to be applied its number: those left out take none.
fn number(order: &mut MessageOrder, head: &Head<'_>, message: &mut BookMessage<'_>) {
    message.msg_seq = order.number(head.ts, head.seq);
    let id = head.seq.unwrap_or(message.msg_seq);
    message.ids = (id, id);
    message.update_id = head.seq.filter(|seq| *seq != message.msg_seq);
}

/// The book in the venue's own texts, kept only while the venue sends checksums.
#[derive(Debug, Default)]
struct TextCheck {
    book: OkxTextBook,
    checking: bool,
    verified: u64,
    failed: u64,
}

impl TextCheck {
    const fn is_checking(&self) -> bool {
        self.checking
    }

    fn stop(&mut self) {
        self.checking = false;
        self.book.clear();
    }

    /// Applies a message; returns whether the book then has the checksum sent with it. A message without one ends the
    /// checking until the next snapshot.
    fn agrees(
        &mut self,
        is_snapshot: bool,
        head: &Head<'_>,
        flow: &BookFlow,
        out: &mut Tables,
    ) -> Result<bool, RowProblem> {
        if is_snapshot {
            self.stop();
            self.checking = head.checksum.is_some();
        }
        let Some(sum) = head.checksum.filter(|_| self.checking) else {
            self.stop();
            return Ok(true);
        };
        for (side, levels) in [(Side::Sell, head.asks), (Side::Buy, head.bids)] {
            for_each_text(levels, |px, qty, px_text, qty_text| {
                self.book.apply(side, px, qty, px_text, qty_text);
            })?;
        }
        let agrees = i64::from(self.book.checksum()) == sum;
        let name = if agrees {
            self.verified += 1;
            "checksums_verified"
        } else {
            self.failed += 1;
            self.stop();
            "checksums_failed"
        };
        out.diagnose(flow.reported_under(), name, 1);
        Ok(agrees)
    }
}
