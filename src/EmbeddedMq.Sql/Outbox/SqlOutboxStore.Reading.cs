using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;
using EmbeddedMq.Sql.Databases;
using EmbeddedMq.Sql.Outbox;

namespace EmbeddedMq;

/// <content>Looking, waiting, and forgetting confirmed messages.</content>
public sealed partial class SqlOutboxStore
{
    private const int PageSize = 100;
    private const int PurgeBatch = 1_000;
    private const string ConfirmedColumns = "seq, id, exchange, routing_key, attempts, stored_at, confirmed_at";

    private static readonly TimeSpan PurgeInterval = TimeSpan.FromMinutes(1);

    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously); // replaced by whoever completes it
    private bool _hasNews;              // something became takeable through this store since taking last looked
    private long _lookedThroughAt = -1; // what was due by then has been taken, or could not be
    private long _purgedAt;             // a timestamp; 0: not yet

    /// <inheritdoc/>
    public async ValueTask<OutboxEntry?> FindAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        DbConnection connection = await _database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            DbCommand command = SqlDatabase.Command(connection, null, $"select {OutboxRow.Columns} from {_outbox} where id = @id");
            await using (command.ConfigureAwait(false))
            {
                _dialect.AddKey(command, "@id", id);
                DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        return OutboxRow.Describe(OutboxRow.Read(reader, _dialect));
                    }
                }
            }

            // Looked for second: a message that is confirmed between the two is found here.
            DbCommand confirmed = SqlDatabase.Command(
                connection, null, $"select {ConfirmedColumns} from {_confirmed} where id = @id order by seq desc limit 1");
            await using (confirmed.ConfigureAwait(false))
            {
                _dialect.AddKey(confirmed, "@id", id);
                DbDataReader reader = await confirmed.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    return await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? ReadConfirmed(reader) : null;
                }
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>Read in pages of 100: a message that changes meanwhile is listed or not, and never twice.</remarks>
    public async IAsyncEnumerable<OutboxEntry> ListAsync(OutboxStatus status, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        long after = long.MinValue;
        while (true)
        {
            List<(long Seq, OutboxEntry Entry)> page = await ReadPageAsync(status, after, cancellationToken).ConfigureAwait(false);
            foreach ((long _, OutboxEntry entry) in page)
            {
                yield return entry;
            }

            if (page.Count < PageSize)
            {
                yield break;
            }

            after = page[^1].Seq;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken = default)
    {
        DbConnection connection = await _database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            DbCommand command = SqlDatabase.Command(connection, null, $"select status, count(*), min(stored_at) from {_outbox} group by status");
            await using (command.ConfigureAwait(false))
            {
                long[] counts = new long[4];
                long oldest = long.MaxValue;
                DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        OutboxStatus status = (OutboxStatus)reader.GetInt16(0);
                        counts[(int)status] = reader.GetInt64(1);
                        oldest = status == OutboxStatus.Failed ? oldest : Math.Min(oldest, reader.GetInt64(2));
                    }
                }

                return new OutboxCounts(counts[(int)OutboxStatus.Pending], counts[(int)OutboxStatus.Sent], counts[(int)OutboxStatus.Failed])
                {
                    OldestAt = oldest == long.MaxValue ? null : SqlClock.ToTime(oldest),
                };
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask WaitAsync(TimeSpan limit, CancellationToken cancellationToken = default)
    {
        TimeProvider clock = _database.Clock.Delays;
        long begin = clock.GetTimestamp();
        while (true)
        {
            // Read before anything is looked at: what changes from here on completes it.
            Task changed = Volatile.Read(ref _changed).Task;
            long asked = clock.GetTimestamp();
            TimeSpan? untilDue = Volatile.Read(ref _hasNews) ? TimeSpan.Zero : await NextDueAsync(cancellationToken).ConfigureAwait(false);
            TimeSpan left = limit - clock.GetElapsedTime(begin);
            untilDue -= clock.GetElapsedTime(asked); // a little early at worst, never late
            if (left <= TimeSpan.Zero || untilDue <= TimeSpan.Zero)
            {
                return;
            }

            try
            {
                await changed.WaitAsync(untilDue < left ? untilDue.Value : left, clock, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // The limit, or the time at which the next one is due.
            }
        }
    }

    // Whoever waits looks again; with news, taking may give something that no due time tells of.
    private void Signal(bool hasNews)
    {
        if (hasNews)
        {
            Volatile.Write(ref _hasNews, true);
        }

        Interlocked.Exchange(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    // How long until one is due that was not when this store last looked through all; null where there is none.
    private async ValueTask<TimeSpan?> NextDueAsync(CancellationToken cancellationToken)
    {
        DbConnection connection = await _database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            long now = await _database.Clock.NowAsync(connection, null, cancellationToken).ConfigureAwait(false);
            DbCommand command = SqlDatabase.Command(connection, null, $"select min(due_at) from {_outbox} where due_at > @seen and due_at < {OutboxRow.Never}");
            await using (command.ConfigureAwait(false))
            {
                SqlDialect.Add(command, "@seen", DbType.Int64, Volatile.Read(ref _lookedThroughAt));
                object? due = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                return due is null or DBNull ? null : TimeSpan.FromMilliseconds(Math.Max(0, Convert.ToInt64(due, CultureInfo.InvariantCulture) - now));
            }
        }
    }

    private async ValueTask<List<(long Seq, OutboxEntry Entry)>> ReadPageAsync(OutboxStatus status, long after, CancellationToken cancellationToken)
    {
        string text = status switch
        {
            OutboxStatus.Confirmed => $"select {ConfirmedColumns} from {_confirmed} where seq > @after",

            // The same rows as by their status, and there is an index for it.
            OutboxStatus.Failed => $"select {OutboxRow.Columns} from {_outbox} where due_at = {OutboxRow.Never} and seq > @after",
            _ => $"select {OutboxRow.Columns} from {_outbox} where status = {(int)status} and seq > @after",
        };
        List<(long, OutboxEntry)> page = new(PageSize);
        DbConnection connection = await _database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            DbCommand command = SqlDatabase.Command(connection, null, $"{text} order by seq limit {PageSize}");
            await using (command.ConfigureAwait(false))
            {
                SqlDialect.Add(command, "@after", DbType.Int64, after);
                DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        page.Add((
                            reader.GetInt64(0),
                            status == OutboxStatus.Confirmed ? ReadConfirmed(reader) : OutboxRow.Describe(OutboxRow.Read(reader, _dialect))));
                    }
                }
            }
        }

        return page;
    }

    private OutboxEntry ReadConfirmed(DbDataReader reader)
    {
        string id = _dialect.ReadKey(reader, 1);
        DateTimeOffset confirmedAt = SqlClock.ToTime(reader.GetInt64(6));
        return new OutboxEntry
        {
            Message = new OutboxMessage
            {
                Id = id,
                Exchange = _dialect.ReadText(reader, 2),
                RoutingKey = _dialect.ReadText(reader, 3),
                Message = Message.TakeOwnership(ReadOnlyMemory<byte>.Empty, new MessageProperties { MessageId = id }),
            },
            Status = OutboxStatus.Confirmed,
            Attempts = reader.GetInt32(4),
            StoredAt = SqlClock.ToTime(reader.GetInt64(5)),
            ChangedAt = confirmedAt,
            DueAt = confirmedAt,
        };
    }

    // One batch a minute, or one with each taking while there is more to do: small beside the work, and it catches up with any load.
    private async ValueTask PurgeConfirmedAsync(CancellationToken cancellationToken)
    {
        long last = Volatile.Read(ref _purgedAt);
        TimeProvider clock = _database.Clock.Delays;
        if (_keepConfirmed == TimeSpan.Zero
            || (last != 0 && clock.GetElapsedTime(last) < PurgeInterval)
            || Interlocked.CompareExchange(ref _purgedAt, clock.GetTimestamp(), last) != last)
        {
            return;
        }

        SqlWork work = await _database.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            long now = await _database.Clock.NowAsync(work.Connection, work.Transaction, cancellationToken).ConfigureAwait(false);
            long until = now - SqlClock.ToMilliseconds(_keepConfirmed);
            int deleted = await work.ExecuteAsync(
                _dialect.DeleteLowest(_confirmed, "seq", $"confirmed_at <= {Text(until)}", "confirmed_at", PurgeBatch), cancellationToken).ConfigureAwait(false);
            await work.CommitAsync(cancellationToken).ConfigureAwait(false);
            if (deleted == PurgeBatch)
            {
                Volatile.Write(ref _purgedAt, 0);
            }
        }
    }
}
