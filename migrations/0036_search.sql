-- transactional: false
-- squawk-ignore-file constraint-missing-not-valid, ban-concurrent-index-creation-in-transaction
-- Titles and genres are found without regard to case, accents and width, whatever the locale of the database (see 0035). The
-- folded title stands in a column that a trigger writes, for the version before and for DBAs as well; the folded genres in an index
-- of their own. The version that is running goes on with lower() and movies_genres_idx, which a later release drops.
-- It may be stopped and run again from its beginning. Rows are written a thousand at a time, each batch in a transaction.
-- Longest lock: access exclusive on movies, for a column without a value and a trigger, less than 2 ms.

set lock_timeout = '5s';

-- Marks of Latin, Greek and Cyrillic letters, symbols, Hebrew and Arabic vowels, and characters without width. Marks of other
-- scripts change the word.
create or replace function fold_text(value text)
returns text
language sql
immutable
strict
parallel safe
return case
    when octet_length(value) = char_length(value) then lower(value collate "C")
    else normalize(
        replace(
            replace(
                replace(
                    replace(
                        translate(
                            fold_case(
                                regexp_replace(
                                    normalize(value, nfkd),
                                    '[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f'
                                    '\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670'
                                    '\u00ad\u200b-\u200d\u2060\ufeff]',
                                    '',
                                    'g'
                                )
                            ),
                            'øłđħıŧð’‘ʼ‐–—',
                            'oldhitd''''''---'
                        ),
                        'ß',
                        'ss'
                    ),
                    'æ',
                    'ae'
                ),
                'œ',
                'oe'
            ),
            'þ',
            'th'
        ),
        nfc
    )
end;

comment on function fold_text is
'A text as searches compare it: NFKC, case folded, without accents. Strict, so that its body is not made part of plans.';

create or replace function fold_texts(texts text[])
returns text[]
language sql
immutable
strict
parallel safe
return array(select fold_text(each.value) from unnest(texts) as each (value));

comment on function fold_texts is 'Texts as searches compare them, for an index on an array.';

alter table movies add column if not exists folded_title text;

comment on column movies.folded_title is 'The title as searches compare it, by fold_text; a trigger writes it.';

create or replace function fold_title()
returns trigger
language plpgsql
set search_path from current -- a restore of the data runs it without one
as $$
begin
    new.folded_title := fold_text(new.title);
    return new;
end
$$;

comment on function fold_title is 'Writes movies.folded_title.';

create or replace trigger movies_title_folded before insert or update of title, folded_title on movies
for each row execute function fold_title();

-- Also where session_replication_role is replica, as bulk loads set it: the check below refuses a row without it.
alter table movies enable always trigger movies_title_folded;

do $$
declare
    first_id bigint := 0;
    last_id bigint;
begin
    loop
        last_id := (
            select max(batch.id)
            from (
                select m.id
                from movies as m
                where m.id > first_id
                order by m.id
                limit 1000
            ) as batch
        );
        exit when last_id is null;
        update movies set folded_title = fold_text(title)
        where id > first_id and id <= last_id and folded_title is null;
        commit;
        first_id := last_id;
    end loop;
end
$$;

-- squawk-ignore ban-drop-constraint
alter table movies drop constraint if exists movies_folded_title_check;
alter table movies add constraint movies_folded_title_check check (folded_title is not null) not valid;
alter table movies validate constraint movies_folded_title_check;

drop index concurrently if exists movies_folded_genres_idx;

create index concurrently if not exists movies_folded_genres_idx on movies using gin (fold_texts(genres));

comment on column movies.genres is 'All genres; the first is also in genre, which a trigger keeps equal. Compared as fold_text does.';
