set local lock_timeout = '5s';

drop index movies_folded_genres_idx;

drop trigger movies_title_folded on movies;
drop function fold_title();

alter table movies
drop constraint movies_folded_title_check,
drop column folded_title;

comment on column movies.genres is 'All genres; the first is also in genre, which a trigger keeps equal. Compared without regard to case.';

drop function fold_texts(text[]);
drop function fold_text(text);
