using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using System.Text;
using EmbeddedMq.Sql.Databases;
using EmbeddedMq.Sql.Errors;
using EmbeddedMq.Sql.Idempotence;

namespace EmbeddedMq;

/// <summary>Remembers processed messages in a SQL database, in the handler's own transaction: effect, mark, and the messages that the handler sends
/// commit together or not at all.</summary>
/// <remarks>
/// <para>A claim is a transaction with the mark's insert in it, on the primary key of scope and message id. Whoever claims the same message elsewhere
/// waits for that transaction, for <see cref="SqlIdempotenceOptions.LockTimeout"/> at most, and is busy then. It ends with its connection: of a
/// process that dies the operating system closes it, and the server rolls back. A machine that is cut off keeps its claims until the server
/// notices; set the server's keepalive to how long you would wait.</para>
/// <para>A handler reaches the transaction by the service <see cref="SqlMessageTransaction"/> of its scope. With SQLite, one message at a time is
/// handled in a database, and a handler must write by that transaction only.</para>
/// <para>A deadlock or a serialization failure inside a handler is an error of the handler: all is rolled back, and the message comes again by the
/// consumer's retry rules. A connection that is lost inside a handler is nobody's error: the message is handled again, and no attempt is counted,
/// unless it happens to the same message a sixth time.</para>
/// <para>Marks that are old are deleted 1,000 at a time when a message is claimed, once a minute, or with each claim while there are more.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public sealed class SqlIdempotenceStore : IIdempotenceStore, IAsyncDisposable
{
    private const int MaxTextBytes = 255;

    // Soon, for the one ahead may be done at any moment; asking costs little where it is of this process.
    private static readonly TimeSpan BusyRetry = TimeSpan.FromMilliseconds(50);

    private readonly SqlDatabase _database;
    private readonly SqlDialect _dialect;
    private readonly string _marks;
    private readonly SqlIdempotenceOptions _options;
    private readonly MarkRetention _retention;
    private readonly ConcurrentDictionary<(string Scope, string MessageId), SqlIdempotenceClaim?> _claims = new(); // null while it is being asked for
    private volatile bool _isDisposed;

    /// <summary>Makes a store on a database; nothing is opened yet.</summary>
    /// <param name="dataSource">Where connections come from. It stays the caller's.</param>
    /// <param name="options">Settings; <see langword="null"/> means the defaults.</param>
    /// <exception cref="ArgumentException">The outbox of the options is in another database, or a setting is out of its range.</exception>
    /// <exception cref="NotSupportedException">The driver is none that is known, and the options name no dialect.</exception>
    public SqlIdempotenceStore(DbDataSource dataSource, SqlIdempotenceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        _options = options ?? new SqlIdempotenceOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.RetentionTime, TimeSpan.Zero, nameof(_options.RetentionTime));
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.RetentionCount, 0, nameof(_options.RetentionCount));
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.LockTimeout, TimeSpan.FromMilliseconds(1), nameof(_options.LockTimeout));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.LockTimeout, TimeSpan.FromHours(1), nameof(_options.LockTimeout));
        if (_options.Outbox is { } outbox && outbox.DataSource != dataSource && outbox.DataSource.ConnectionString != dataSource.ConnectionString)
        {
            throw SqlErrors.OutboxElsewhere();
        }

        _database = new SqlDatabase(dataSource, _options);
        _dialect = _database.Dialect;
        _marks = _database.Tables.Idempotence;
        _retention = new MarkRetention(_database, _options.RetentionTime, _options.RetentionCount);
    }

    /// <summary>Where connections come from.</summary>
    public DbDataSource DataSource => _database.Source;

    /// <summary>Whether claims take what handlers send.</summary>
    internal bool TakesOutgoing => _options.Outbox is not null;

    /// <summary>The outbox that takes it.</summary>
    internal SqlOutboxStore? Outbox => _options.Outbox;

    /// <inheritdoc/>
    public async ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        CheckLength("scope", request.Key.Scope);
        CheckLength("message id", request.Key.MessageId);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        SqlMessageTransaction? shared = SharedWith(request.Context);
        (string, string) place = (request.Key.Scope, request.Key.MessageId);
        if (!_claims.TryAdd(place, null))
        {
            return new SqlIdempotenceClaim(this, request, ClaimOutcome.Busy, BusyRetry); // this process has it: no need to wait for a lock
        }

        SqlIdempotenceClaim? claim = null;
        try
        {
            await _retention.ApplyAsync(cancellationToken).ConfigureAwait(false);
            claim = await AskAsync(request, shared, cancellationToken).ConfigureAwait(false);
            return claim;
        }
        finally
        {
            if (claim is { Outcome: ClaimOutcome.Claimed })
            {
                _claims[place] = claim;
            }
            else
            {
                _claims.TryRemove(place, out _);
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>A message that is being handled is not told: its mark is in a transaction that nobody else sees into.</remarks>
    public async ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(messageId);
        DbConnection connection = await _database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            return await ReadMarkAsync(connection, null, scope, messageId, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Gives up all claims that are open.</summary>
    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        foreach (SqlIdempotenceClaim? claim in _claims.Values)
        {
            if (claim is not null)
            {
                await claim.LoseAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Whether an error says that the database is well and refuses what was done.</summary>
    internal bool IsRefusal(DbException error) => !error.IsTransient && _dialect.IsRefusal(error);

    /// <summary>What is asked before a handler's transaction is committed, or <see langword="null"/>.</summary>
    internal string? AskBeforeCommit => _dialect.AskBeforeCommit;

    /// <summary>Takes note that a claim has ended.</summary>
    internal void Forget(SqlIdempotenceClaim claim) => _claims.TryRemove(new KeyValuePair<(string, string), SqlIdempotenceClaim?>((claim.Key.Scope, claim.Key.MessageId), claim));

    /// <summary>Notes a message as given up, unless somebody has it in hand or has processed it.</summary>
    internal async ValueTask NoteFailedAsync(IdempotenceKey key, CancellationToken cancellationToken)
    {
        SqlWork work = await _database.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            if (await TryWriteAsync(work, key, IdempotenceState.Failed, cancellationToken).ConfigureAwait(false) == Written.Yes)
            {
                await work.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static SqlMessageTransaction? SharedWith(IMessageContext? context)
    {
        if (context is null)
        {
            return null;
        }

        IServiceProvider services;
        try
        {
            services = context.Services;
        }
        catch (InvalidOperationException error)
        {
            throw SqlErrors.NoTransactionService(error); // a consumer without services
        }

        return services.GetService(typeof(SqlMessageTransaction)) as SqlMessageTransaction ?? throw SqlErrors.NoTransactionService(null);
    }

    private static void CheckLength(string what, string text)
    {
        int bytes = Encoding.UTF8.GetByteCount(text);
        if (bytes is 0 or > MaxTextBytes)
        {
            throw SqlErrors.Length(what, bytes, 1, "request");
        }
    }

    private async ValueTask<SqlIdempotenceClaim> AskAsync(ClaimRequest request, SqlMessageTransaction? shared, CancellationToken cancellationToken)
    {
        IdempotenceKey key = request.Key;
        if (_dialect.LooksBeforeClaiming && await FindAsync(key.Scope, key.MessageId, cancellationToken).ConfigureAwait(false) is { State: IdempotenceState.Processed } known)
        {
            return NotGranted(request, known);
        }

        SqlWork? work = await _database.TryBeginAsync(_options.Isolation, _options.LockTimeout, cancellationToken).ConfigureAwait(false);
        if (work is null)
        {
            return new SqlIdempotenceClaim(this, request, ClaimOutcome.Busy, BusyRetry);
        }

        SqlIdempotenceClaim? claim = null;
        try
        {
            Written written = await TryWriteAsync(work, key, IdempotenceState.Processed, cancellationToken).ConfigureAwait(false);
            if (written == Written.Yes)
            {
                claim = new SqlIdempotenceClaim(this, request, work, shared);
                return claim;
            }

            IdempotenceMark? mark = written == Written.Locked
                ? null
                : await ReadMarkAsync(work.Connection, work.Transaction, key.Scope, key.MessageId, cancellationToken).ConfigureAwait(false);
            return mark is { State: IdempotenceState.Processed }
                ? NotGranted(request, mark)
                : new SqlIdempotenceClaim(this, request, ClaimOutcome.Busy, BusyRetry);
        }
        finally
        {
            if (claim is null)
            {
                await work.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private SqlIdempotenceClaim NotGranted(ClaimRequest request, IdempotenceMark known) => new(
        this, request, known.Fingerprint == request.Key.Fingerprint ? ClaimOutcome.Duplicate : ClaimOutcome.Conflict, TimeSpan.Zero);

    // A mark that says "failed" is written over; one that says "processed" stays. The mark of a claim says "processed" at once: nobody sees it
    // before the commit that makes it true.
    private async ValueTask<Written> TryWriteAsync(SqlWork work, IdempotenceKey key, IdempotenceState state, CancellationToken cancellationToken)
    {
        long now = await _database.Clock.NowAsync(work.Connection, work.Transaction, cancellationToken).ConfigureAwait(false);
        string insert = _dialect.InsertUnlessThere(
            $"insert into {_marks} (scope, message_id, fingerprint, state, at) values (@scope, @id, @fingerprint, {(int)state}, @at)");
        string overwrite = $"update {_marks} set fingerprint = @fingerprint, state = {(int)state}, at = @at " +
            $"where scope = @scope and message_id = @id and state = {(int)IdempotenceState.Failed}";
        try
        {
            return await WriteAsync(insert).ConfigureAwait(false) == 1 || await WriteAsync(overwrite).ConfigureAwait(false) == 1 ? Written.Yes : Written.No;
        }
        catch (DbException error) when (_dialect.IsLockConflict(error))
        {
            await work.UnlimitLockWaitAsync(_dialect, cancellationToken).ConfigureAwait(false);
            return Written.Locked;
        }

        async ValueTask<int> WriteAsync(string statement)
        {
            DbCommand command = work.Command(_dialect.LimitLockWait(_options.LockTimeout) + statement + _dialect.UnlimitLockWait);
            await using (command.ConfigureAwait(false))
            {
                _dialect.AddKey(command, "@scope", key.Scope);
                _dialect.AddKey(command, "@id", key.MessageId);
                byte[] fingerprint = new byte[Fingerprint.ByteCount];
                key.Fingerprint.WriteTo(fingerprint);
                SqlDialect.Add(command, "@fingerprint", DbType.Binary, fingerprint);
                SqlDialect.Add(command, "@at", DbType.Int64, now);
                try
                {
                    return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (DbException error) when (_dialect.IsUniqueViolation(error))
                {
                    return 0;
                }
            }
        }
    }

    private async ValueTask<IdempotenceMark?> ReadMarkAsync(
        DbConnection connection, DbTransaction? transaction, string scope, string messageId, CancellationToken cancellationToken)
    {
        DbCommand command = SqlDatabase.Command(
            connection, transaction, $"select state, fingerprint, at from {_marks} where scope = @scope and message_id = @id");
        await using (command.ConfigureAwait(false))
        {
            _dialect.AddKey(command, "@scope", scope);
            _dialect.AddKey(command, "@id", messageId);
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                return await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
                    ? new IdempotenceMark(
                        (IdempotenceState)reader.GetInt16(0), Fingerprint.Read(reader.GetFieldValue<byte[]>(1)), SqlClock.ToTime(reader.GetInt64(2)))
                    : null;
            }
        }
    }

    private enum Written
    {
        /// <summary>It is written.</summary>
        Yes,

        /// <summary>There is a mark that stays.</summary>
        No,

        /// <summary>Somebody else has it in hand.</summary>
        Locked,
    }
}
