-- Run once by whoever owns the server, in the database of the audit views, before a node first
-- connects. The roles cannot log in yet: give each a password (or another way to log in) after it.

do $$ begin
    if not exists (select from pg_roles where rolname = 'sallyport_projector') then
        create role sallyport_projector nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'sallyport_auditor') then
        create role sallyport_auditor nologin;
    end if;
    -- The nodes make and own the schema; nobody else makes anything in this database.
    execute format('grant connect, create on database %I to sallyport_projector', current_database());
    execute format('revoke create, temporary on database %I from public', current_database());
    execute format('grant connect on database %I to sallyport_auditor', current_database());
end $$;
revoke create on schema public from public;
-- Rights refuse auditors every change; this says it before they try.
alter role sallyport_auditor set default_transaction_read_only = on;
alter role sallyport_auditor set search_path = sallyport_audit;
alter role sallyport_auditor set statement_timeout = '5min';
