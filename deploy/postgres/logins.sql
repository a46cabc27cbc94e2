-- Once, as a superuser: the two logins and the database. Give both a password of their own.
-- Timeouts stand on the login, where a pooler and Citus respect them.
CREATE ROLE freehold_owner LOGIN CREATEROLE;
CREATE ROLE freehold_web LOGIN NOINHERIT;
ALTER ROLE freehold_web SET statement_timeout = '10s';
ALTER ROLE freehold_web SET lock_timeout = '5s';
ALTER ROLE freehold_web SET idle_in_transaction_session_timeout = '10s';
CREATE DATABASE freehold OWNER freehold_owner;
ALTER DATABASE freehold SET timezone = 'UTC';
