using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using EmbeddedMq.Sql.Databases;
using EmbeddedMq.Sql.Errors;
using EmbeddedMq.Sql.Outbox;

namespace EmbeddedMq;

/// <summary>An outbox in a SQL database, whose messages can be stored in the application's own transaction, with what it changes in its tables.</summary>
/// <remarks>
/// <para>Several processes may work on one set of tables: each takes rows that no other has locked, and marks them as its own until its lease is
/// over. A process that dies leaves its rows to the others from then on. Messages are found by their own state and never by how far somebody
/// has read, so that a row which is committed late is sent as any other.</para>
/// <para>Of one order key, messages are sent in the order of their numbers (<c>seq</c>), which is that of storing; of two transactions that store at
/// once, either may be first.</para>
/// <para>A message that was stored in the application's transaction is found when the relay next looks (<see cref="IOutboxBuilder.PollEvery"/>);
/// <see cref="NotifyStored"/>, called after the commit, makes it look at once.</para>
/// <para>The body and the properties are each one value: MariaDB and MySQL take them up to their <c>max_allowed_packet</c>.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public sealed partial class SqlOutboxStore : IOutboxStore
{
    private const int MaxRowsOfInsert = 50;
    private const int MaxBytesOfInsert = 1 << 20;
    private const int MaxErrorLength = 4_000;
    private const int MaxKeysOfSelect = 50;
    private const int MaxTextBytes = 255;

    private readonly SqlDatabase _database;
    private readonly SqlDialect _dialect;
    private readonly string _outbox;
    private readonly string _confirmed;
    private readonly TimeSpan _keepConfirmed;

    /// <summary>Makes a store on a database; nothing is opened yet.</summary>
    /// <param name="dataSource">Where connections come from. It stays the caller's.</param>
    /// <param name="options">Settings; <see langword="null"/> means the defaults.</param>
    /// <exception cref="NotSupportedException">The driver is none that is known, and the options name no dialect.</exception>
    public SqlOutboxStore(DbDataSource dataSource, SqlOutboxOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        options ??= new SqlOutboxOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.KeepConfirmed, TimeSpan.Zero, nameof(options.KeepConfirmed));
        _database = new SqlDatabase(dataSource, options);
        _dialect = _database.Dialect;
        _outbox = _database.Tables.Outbox;
        _confirmed = _database.Tables.Confirmed;
        _keepConfirmed = options.KeepConfirmed;
    }

    /// <summary>Where connections come from.</summary>
    public DbDataSource DataSource => _database.Source;

    /// <summary>Stores messages in a transaction of the caller's: they are sent if it commits, and were never there if it does not.</summary>
    /// <param name="transaction">The transaction, on the database that has the outbox's tables. Not committed or rolled back here.</param>
    /// <param name="messages">The messages, in this order.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ArgumentException">An id is in the outbox already; the transaction can only be rolled back then. Or a text is too long.</exception>
    [SuppressMessage("ApiDesign", "RS0026:Do not add multiple public overloads with optional parameters", Justification = "They differ in their first argument.")]
    public async ValueTask AddAsync(DbTransaction transaction, IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(messages);
        Check(messages);
        DbConnection connection = transaction.Connection ?? throw SqlErrors.TransactionEnded();
        if (messages.Count > 0)
        {
            await InsertAsync(connection, transaction, messages, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    [SuppressMessage("ApiDesign", "RS0026:Do not add multiple public overloads with optional parameters", Justification = "They differ in their first argument.")]
    public async ValueTask AddAsync(IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        Check(messages);
        if (messages.Count == 0)
        {
            return;
        }

        SqlWork work = await _database.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            await InsertAsync(work.Connection, work.Transaction, messages, cancellationToken).ConfigureAwait(false);
            await work.CommitAsync(cancellationToken).ConfigureAwait(false);
        }

        NotifyStored();
    }

    /// <summary>Has a relay on this store look at once. To be called after a transaction was committed in which messages were stored.</summary>
    /// <remarks>Without it they are found as well, when the relay next looks.</remarks>
    public void NotifyStored() => Signal(hasNews: true);

    /// <inheritdoc/>
    public async ValueTask ConfirmAsync(IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entries);
        Taking[] takings = [.. entries.Select(static entry => entry.Token).OfType<Taking>()];
        if (takings.Length == 0)
        {
            return;
        }

        HashSet<string> keys = new(StringComparer.Ordinal);
        SqlWork work = await _database.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            long now = await _database.Clock.NowAsync(work.Connection, work.Transaction, cancellationToken).ConfigureAwait(false);
            foreach (IGrouping<byte[], Taking> together in takings.GroupBy(static taking => taking.Token, ByteArrayComparer.Instance))
            {
                List<(long Seq, string? OrderKey)> rows = await LockTakenAsync(work, together.Key, together, cancellationToken).ConfigureAwait(false);
                if (rows.Count > 0)
                {
                    await RemoveAsync(work, rows, now, cancellationToken).ConfigureAwait(false);
                    keys.UnionWith(rows.Where(static row => row.OrderKey is not null).Select(static row => row.OrderKey!));
                }
            }

            await ReleaseNextAsync(work, keys, now, cancellationToken).ConfigureAwait(false);
            await work.CommitAsync(cancellationToken).ConfigureAwait(false);
        }

        if (keys.Count > 0)
        {
            NotifyStored();
        }
    }

    /// <inheritdoc/>
    public async ValueTask PostponeAsync(OutboxEntry entry, string? error, TimeSpan delay, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        await AnswerAsync(
            entry,
            $"status = {(int)OutboxStatus.Pending}, due_at = @due, attempts = attempts - @uncounted, last_error = coalesce(@error, last_error)",
            (command, now) =>
            {
                SqlDialect.Add(command, "@due", DbType.Int64, now + SqlClock.ToMilliseconds(delay));
                SqlDialect.Add(command, "@uncounted", DbType.Int32, error is null ? 1 : 0);
                _dialect.AddText(command, "@error", Shorten(error));
            },
            isDueNow: delay == TimeSpan.Zero,
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask FailAsync(OutboxEntry entry, string error, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(error);
        await AnswerAsync(
            entry,
            $"status = {(int)OutboxStatus.Failed}, due_at = {OutboxRow.Never}, last_error = @error",
            (command, _) => _dialect.AddText(command, "@error", Shorten(error)),
            isDueNow: false,
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RetryAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        bool isThere;
        SqlWork work = await _database.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            long now = await _database.Clock.NowAsync(work.Connection, work.Transaction, cancellationToken).ConfigureAwait(false);
            DbCommand command = work.Command(
                $"update {_outbox} set status = {(int)OutboxStatus.Pending}, attempts = 0, due_at = @now, changed_at = @now " +
                $"where id = @id and status = {(int)OutboxStatus.Failed}");
            await using (command.ConfigureAwait(false))
            {
                SqlDialect.Add(command, "@now", DbType.Int64, now);
                _dialect.AddKey(command, "@id", id);
                isThere = await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false) == 1;
            }

            await work.CommitAsync(cancellationToken).ConfigureAwait(false);
        }

        if (isThere)
        {
            NotifyStored();
        }

        return isThere;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> DiscardAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        SqlWork work = await _database.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            DbCommand command = work.Command(
                $"select seq, order_key from {_outbox} where id = @id and status = {(int)OutboxStatus.Failed}{_dialect.ForUpdate}");
            List<(long Seq, string? OrderKey)> rows;
            await using (command.ConfigureAwait(false))
            {
                _dialect.AddKey(command, "@id", id);
                rows = await ReadSeqsAsync(command, cancellationToken).ConfigureAwait(false);
            }

            if (rows.Count == 0)
            {
                return false;
            }

            long now = await _database.Clock.NowAsync(work.Connection, work.Transaction, cancellationToken).ConfigureAwait(false);
            await work.ExecuteAsync($"delete from {_outbox} where seq = {Text(rows[0].Seq)}", cancellationToken).ConfigureAwait(false);
            if (rows[0].OrderKey is { } key)
            {
                await ReleaseNextAsync(work, [key], now, cancellationToken).ConfigureAwait(false);
            }

            await work.CommitAsync(cancellationToken).ConfigureAwait(false);
        }

        NotifyStored();
        return true;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string List(IEnumerable<long> numbers) => string.Join(',', numbers.Select(Text));

    // Half of a surrogate pair at the cut would be no text.
    private static string? Shorten(string? error)
        => error is null || error.Length <= MaxErrorLength ? error : error[..(char.IsHighSurrogate(error[MaxErrorLength - 1]) ? MaxErrorLength - 1 : MaxErrorLength)] + "…";

    private static void Check(IReadOnlyList<OutboxMessage> messages)
    {
        foreach (OutboxMessage message in messages)
        {
            CheckLength("id", message.Id, 1);
            CheckLength("exchange", message.Exchange, 0);
            CheckLength("routing key", message.RoutingKey, 0);
            CheckLength("order key", message.OrderKey ?? "", 0);
        }

        static void CheckLength(string what, string text, int least)
        {
            int bytes = Encoding.UTF8.GetByteCount(text);
            if (bytes < least || bytes > MaxTextBytes)
            {
                throw SqlErrors.Length(what, bytes, least, nameof(messages));
            }
        }
    }

    private static async ValueTask<List<(long Seq, string? OrderKey)>> ReadSeqsAsync(DbCommand command, SqlDialect dialect, CancellationToken cancellationToken)
    {
        List<(long, string?)> rows = [];
        DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                rows.Add((reader.GetInt64(0), reader.IsDBNull(1) ? null : dialect.ReadKey(reader, 1)));
            }
        }

        return rows;
    }

    private ValueTask<List<(long Seq, string? OrderKey)>> ReadSeqsAsync(DbCommand command, CancellationToken cancellationToken)
        => ReadSeqsAsync(command, _dialect, cancellationToken);

    private async ValueTask InsertAsync(
        DbConnection connection, DbTransaction transaction, IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken)
    {
        long now = await _database.Clock.NowAsync(connection, transaction, cancellationToken).ConfigureAwait(false);
        try
        {
            for (int from = 0; from < messages.Count;)
            {
                int to = from;
                long bytes = 0;
                do
                {
                    bytes += messages[to++].Message.Body.Length;
                }
                while (to < messages.Count && to - from < MaxRowsOfInsert && bytes + messages[to].Message.Body.Length <= MaxBytesOfInsert);

                DbCommand command = SqlDatabase.Command(connection, transaction, InsertOf(to - from));
                await using (command.ConfigureAwait(false))
                {
                    SqlDialect.Add(command, "@now", DbType.Int64, now);
                    for (int i = from; i < to; i++)
                    {
                        AddRow(command, Text(i - from), messages[i]);
                    }

                    await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }

                from = to;
            }
        }
        catch (DbException error) when (_dialect.IsUniqueViolation(error))
        {
            throw SqlErrors.AlreadyInOutbox(messages, nameof(messages), error);
        }
        catch (DbException error) when (_dialect.IsMissingTable(error))
        {
            throw SqlErrors.NoTables(_outbox, _dialect, error);
        }
    }

    private string InsertOf(int rows)
    {
        StringBuilder text = new(
            $"insert into {_outbox} (id, exchange, routing_key, mandatory, order_key, properties, status, attempts, stored_at, changed_at, due_at, body) values ");
        for (int i = 0; i < rows; i++)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{(i == 0 ? "" : ", ")}(@id{i}, @exchange{i}, @route{i}, @mandatory{i}, @key{i}, @properties{i}, {(int)OutboxStatus.Pending}, 0, @now, @now, @now, @body{i})");
        }

        return text.ToString();
    }

    private void AddRow(DbCommand command, string number, OutboxMessage message)
    {
        _dialect.AddKey(command, "@id" + number, message.Id);
        _dialect.AddText(command, "@exchange" + number, message.Exchange);
        _dialect.AddText(command, "@route" + number, message.RoutingKey);
        SqlDialect.Add(command, "@mandatory" + number, DbType.Int16, (short)(message.Mandatory ? 1 : 0));
        _dialect.AddKey(command, "@key" + number, message.OrderKey);
        SqlDialect.Add(command, "@properties" + number, DbType.Binary, OutboxRow.WriteProperties(message.Message.Properties));
        SqlDialect.Add(command, "@body" + number, DbType.Binary, OutboxRow.BodyOf(message.Message));
    }

    // Those that are still what this taking made of them, locked against anybody who would take them now that their lease may be over.
    private async ValueTask<List<(long Seq, string? OrderKey)>> LockTakenAsync(
        SqlWork work, byte[] token, IEnumerable<Taking> takings, CancellationToken cancellationToken)
    {
        DbCommand command = work.Command(
            $"select seq, order_key from {_outbox} where seq in ({List(takings.Select(static taking => taking.Seq))}) and token = @token " +
            $"and status = {(int)OutboxStatus.Sent} order by seq{_dialect.ForUpdate}");
        await using (command.ConfigureAwait(false))
        {
            SqlDialect.Add(command, "@token", DbType.Binary, token);
            return await ReadSeqsAsync(command, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask RemoveAsync(SqlWork work, List<(long Seq, string? OrderKey)> rows, long now, CancellationToken cancellationToken)
    {
        string seqs = List(rows.Select(static row => row.Seq));
        if (_keepConfirmed > TimeSpan.Zero)
        {
            await work.ExecuteAsync(
                $"insert into {_confirmed} (seq, id, exchange, routing_key, attempts, stored_at, confirmed_at) " +
                $"select seq, id, exchange, routing_key, attempts, stored_at, {Text(now)} from {_outbox} where seq in ({seqs})",
                cancellationToken).ConfigureAwait(false);
        }

        await work.ExecuteAsync($"delete from {_outbox} where seq in ({seqs})", cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask AnswerAsync(
        OutboxEntry entry, string changes, Action<DbCommand, long> addParameters, bool isDueNow, CancellationToken cancellationToken)
    {
        if (entry.Token is not Taking taking)
        {
            return;
        }

        SqlWork work = await _database.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            long now = await _database.Clock.NowAsync(work.Connection, work.Transaction, cancellationToken).ConfigureAwait(false);
            DbCommand command = work.Command(
                $"update {_outbox} set {changes}, changed_at = @now, token = null " +
                $"where seq = {Text(taking.Seq)} and token = @token and status = {(int)OutboxStatus.Sent}");
            await using (command.ConfigureAwait(false))
            {
                SqlDialect.Add(command, "@now", DbType.Int64, now);
                SqlDialect.Add(command, "@token", DbType.Binary, taking.Token);
                addParameters(command, now);
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }

            await work.CommitAsync(cancellationToken).ConfigureAwait(false);
        }

        Signal(hasNews: isDueNow);
    }

    private sealed class ByteArrayComparer : IEqualityComparer<byte[]>
    {
        internal static readonly ByteArrayComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => BitConverter.ToInt32(obj, 0);
    }
}
