-- A journal of schema 3 as raman-edge wrote it before its schema stood in one module: rows, an event, marks, a cursor.
BEGIN TRANSACTION;
CREATE TABLE axes (
    axis INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    shift BLOB NOT NULL            -- packed
);
INSERT INTO "axes" VALUES(1,X'3B21C01A0D78BEECCA96AE3F84552150034548EB90120FF3942FBA090B058772',X'00020001100000003B319F01050000');
CREATE TABLE contents (            -- answered whole
    sha256 BLOB NOT NULL, run INTEGER NOT NULL,
    PRIMARY KEY (sha256, run)
) WITHOUT ROWID;
INSERT INTO "contents" VALUES(X'0000000000000000000000000000000000000000000000000000000000000002',2);
CREATE TABLE cursors (             -- what each sink has taken
    sink TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "cursors" VALUES('jsonl:/out',2);
CREATE TABLE events (              -- what was done to the journal itself
    after INTEGER NOT NULL,        -- seq of the row before it, 0 before the first
    number INTEGER NOT NULL,       -- which event after that row, from 0
    ts TEXT NOT NULL,
    kind TEXT NOT NULL,
    facts TEXT NOT NULL,           -- JSON
    chain BLOB NOT NULL,           -- hash over the chain before and all that this row holds
    PRIMARY KEY (after, number)
) WITHOUT ROWID
;
INSERT INTO "events" VALUES(3,0,'2026-11-29T23:27:12.298Z','prune','{"kind":"prune","before":1793577600000,"spectra":2}',X'5D04C7147AEBA923E82E6FD404ABA961CBBA576180621BF67A5D70C46F5CB771');
CREATE TABLE lines (               -- apart from the columns: a list reads few of them
    seq INTEGER PRIMARY KEY,
    line BLOB NOT NULL             -- the line of JSON as it went out, packed
);
INSERT INTO "lines" VALUES(1,X'1B69E10D00');
INSERT INTO "lines" VALUES(2,X'1B3EE10900');
INSERT INTO "lines" VALUES(3,X'A3283C8D890A4F632A87A731F6F00400');
INSERT INTO "lines" VALUES(4,X'A3283C4D880A4F132A87A709F6F00400');
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,       -- order of writing
    id BLOB NOT NULL UNIQUE,
    sha256 BLOB,                   -- of the content; NULL where nothing was read
    idx INTEGER NOT NULL,          -- which spectrum of the file
    run INTEGER NOT NULL REFERENCES runs,
    path TEXT NOT NULL,
    ts INTEGER NOT NULL,           -- ms since 1970; other text as it is
    decision TEXT NOT NULL,        -- 'fault' for a fault
    best TEXT COLLATE NOCASE,      -- NULL where nothing was named
    spectrum BLOB,                 -- digest of the spectrum; NULL for a fault
    chain BLOB NOT NULL,           -- hash over the chain of the row before and all that this one holds
    UNIQUE (sha256, idx, run)
);
INSERT INTO "records" VALUES(1,X'00000000000000000000000000000001',X'0000000000000000000000000000000000000000000000000000000000000001',0,1,'in/1.csv',1793534400125,'fault',NULL,NULL,X'070A6BEC578702DA169811747D199E80F7B5813E24AEA5BF186648BA759CE45B');
INSERT INTO "records" VALUES(2,X'00000000000000000000000000000002',X'0000000000000000000000000000000000000000000000000000000000000002',0,2,'in/2.csv',1793534400125,'match','Quartz',X'AE74E553BC6956EAC433909C18F8EDEED289D8FE0BA04C15841A92522530C347',X'0E49E2DB86F01E380199316C0FFF291E52284E01CB7EFDA99898A4910C78994F');
INSERT INTO "records" VALUES(3,X'00000000000000000000000000000003',X'0000000000000000000000000000000000000000000000000000000000000003',0,2,'in/3.csv',1793534400125,'match','Quartz',X'07AF064EE2A0A20698E7E0C01188F52392B0B3D78CACF35C000C90C1D7356685',X'532C270FB7D8CA87B224E705E54C73188963AC120549C6B69FC579F782077042');
INSERT INTO "records" VALUES(4,X'00000000000000000000000000000004',X'0000000000000000000000000000000000000000000000000000000000000004',0,2,'in/4.csv',1796126400125,'match','Quartz',X'591C4C3DD53A1D4E0B56A2DD630B19154417F0422B93A913823F1BA459522331',X'87CCC7B97BF193D30856120DCC64CC5B6C11B9977CA095F31D6FBAD98EC4ABE8');
CREATE TABLE runs (                -- what answered: said once, not in every row
    run INTEGER PRIMARY KEY,
    model TEXT NOT NULL,           -- sha256 of the model file
    config TEXT NOT NULL,
    first TEXT,                    -- the first line written; the others are packed with it
    UNIQUE (model, config)
);
INSERT INTO "runs" VALUES(1,'mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm','cccccccccccccccccccccccccccccccc+0.1.0','{"event":"fault","v":2,"id":"00000000000000000000000000000001","ts":"2026-11-01T12:00:00.125Z","source":{"kind":"file","path":"in/1.csv","sha256":"0000000000000000000000000000000000000000000000000000000000000001"},"why":"it is no spectrum"}');
INSERT INTO "runs" VALUES(2,'mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm','cccccccccccccccccccccccccccccccc','{"v":1,"event":"result","id":"00000000000000000000000000000002","source":{"kind":"file","path":"in/2.csv","sha256":"0000000000000000000000000000000000000000000000000000000000000002"},"decision":"match"}');
CREATE TABLE seen (                -- answered in this state
    path BLOB NOT NULL, run INTEGER NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (path, run)
) WITHOUT ROWID;
INSERT INTO "seen" VALUES(X'2F696E2F322E637376',2,X'D460E6174BA49514E8D33E207C63F43003000000000000000000000000000000000000000000000000000000000000000000000000000002');
CREATE TABLE spectra (             -- may be taken away; the row keeps the digest
    seq INTEGER PRIMARY KEY,
    axis INTEGER NOT NULL REFERENCES axes,
    spectrum BLOB NOT NULL         -- counts and facts, packed
);
INSERT INTO "spectra" VALUES(4,1,X'9294C0C0C080C40F0003000110000000E3E0E562400600');
CREATE INDEX by_time ON records (ts);
CREATE INDEX by_decision ON records (decision);
CREATE INDEX by_best ON records (best) WHERE best IS NOT NULL;
COMMIT;
PRAGMA application_id = 1380272689;
PRAGMA user_version = 3;
