//! Every SQL text of the store in one list, for the test that prepares them all on both databases.

use crate::db::Bulk;
use crate::{
    account, administrator, archive, archive_preference, archive_removal, archive_text, audit, backup,
    binding, blocked, call_history, call_record, connect, credential, device, given_up, group, invitation,
    journal, last_activity, line, line_settings, pubsub, pubsub_member, room, roster, schema, setting,
    sign_in_token, spool, subscription_request, upload, user, user_document, verify,
};

const BOTH: &[&[&str]] = &[
    account::STATEMENTS,
    administrator::STATEMENTS,
    archive::STATEMENTS,
    archive_preference::STATEMENTS,
    archive_removal::STATEMENTS,
    archive_text::STATEMENTS,
    audit::STATEMENTS,
    binding::STATEMENTS,
    blocked::STATEMENTS,
    call_history::STATEMENTS,
    call_record::STATEMENTS,
    credential::STATEMENTS,
    device::STATEMENTS,
    invitation::STATEMENTS,
    journal::STATEMENTS,
    last_activity::STATEMENTS,
    given_up::STATEMENTS,
    group::STATEMENTS,
    line::STATEMENTS,
    line_settings::STATEMENTS,
    pubsub::STATEMENTS,
    pubsub_member::STATEMENTS,
    room::STATEMENTS,
    roster::STATEMENTS,
    schema::STATEMENTS,
    setting::STATEMENTS,
    sign_in_token::STATEMENTS,
    spool::STATEMENTS,
    subscription_request::STATEMENTS,
    upload::STATEMENTS,
    user::STATEMENTS,
    user_document::STATEMENTS,
    verify::STATEMENTS,
];

const BULKS: &[&[Bulk]] = &[
    account::BULKS,
    archive_removal::BULKS,
    archive_text::BULKS,
    binding::BULKS,
    call_record::BULKS,
    credential::BULKS,
    group::BULKS,
    last_activity::BULKS,
    line::BULKS,
    spool::BULKS,
    user::BULKS,
];

/// All SQL texts that SQLite gets.
pub fn statements_lite() -> Vec<String> {
    let own = [
        archive::STATEMENTS_LITE,
        backup::STATEMENTS_LITE,
        connect::STATEMENTS_LITE,
        pubsub::STATEMENTS_LITE,
        schema::STATEMENTS_LITE,
        verify::STATEMENTS_LITE,
    ];
    let bulks = BULKS.concat().into_iter().map(|bulk| bulk.lite);
    let texts = BOTH.concat().into_iter().chain(own.concat()).chain(bulks).map(str::to_owned);
    texts.chain(journal::lite_texts()).collect()
}

/// All SQL texts that PostgreSQL gets.
pub fn statements_pg() -> Vec<String> {
    let own = [
        archive::STATEMENTS_PG,
        connect::STATEMENTS_PG,
        pubsub::STATEMENTS_PG,
        journal::STATEMENTS_PG,
        schema::STATEMENTS_PG,
    ];
    let bulks = BULKS.concat().into_iter().map(|bulk| bulk.pg);
    BOTH.concat().into_iter().chain(own.concat()).chain(bulks).map(str::to_owned).collect()
}
