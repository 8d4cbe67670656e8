using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using EmbeddedMq.Sql.Databases;
using EmbeddedMq.Sql.Outbox;

namespace EmbeddedMq;

/// <content>Taking.</content>
/// <remarks>
/// <para>A message with an order key is taken if it is the first of its key that is there at all, or if all those before it come along in the same
/// taking. The head's lock therefore guards its key: who cannot have the head takes nothing of the key.</para>
/// <para>Rows that are due are looked through in the order of their due times. Behind a head that cannot be taken there may be a million due rows; a
/// window that is full of such gets them out of the way (<see cref="OutboxRow.BehindOthers"/>) with the head locked meanwhile. Whoever confirms
/// or discards the head waits for that lock, and then brings back the first of its key that it finds out of the way; so one that waits there
/// always has another of its key before it whose end brings it back, directly or through those between.</para>
/// </remarks>
public sealed partial class SqlOutboxStore
{
    private const int LeastWindow = 512;
    private const int MaxWindows = 16;

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<OutboxEntry>> TakeAsync(int max, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lease, TimeSpan.Zero);
        await PurgeConfirmedAsync(cancellationToken).ConfigureAwait(false);

        Volatile.Write(ref _hasNews, false); // before it looks: what is stored from here on completes the next wait
        SqlWork work = await _database.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            long now = await _database.Clock.NowAsync(work.Connection, work.Transaction, cancellationToken).ConfigureAwait(false);
            (List<Candidate> candidates, bool sawAll) = await FindCandidatesAsync(work, max, now, cancellationToken).ConfigureAwait(false);
            List<OutboxRecord> rows = candidates.Count == 0 ? [] : await LockAsync(work, candidates, max, now, cancellationToken).ConfigureAwait(false);
            byte[] token = Guid.NewGuid().ToByteArray();
            if (rows.Count > 0)
            {
                await MarkAsync(work, rows, token, now, now + SqlClock.ToMilliseconds(lease), cancellationToken).ConfigureAwait(false);
            }

            await work.CommitAsync(cancellationToken).ConfigureAwait(false);
            if (sawAll && rows.Count < max)
            {
                Volatile.Write(ref _lookedThroughAt, now);
            }

            return [.. rows.Select(row => Taken(row, token, now, lease))];
        }
    }

    private static OutboxEntry Taken(OutboxRecord row, byte[] token, long now, TimeSpan lease) => OutboxRow.Describe(row) with
    {
        Status = OutboxStatus.Sent,
        Attempts = row.Attempts + 1,
        ChangedAt = SqlClock.ToTime(now),
        DueAt = SqlClock.ToTime(now + SqlClock.ToMilliseconds(lease)),
        Token = new Taking(row.Seq, token),
    };

    // More than are asked for, where there are more: another relay may have locked the first ones.
    private async ValueTask<(List<Candidate> Candidates, bool SawAll)> FindCandidatesAsync(
        SqlWork work, int max, long now, CancellationToken cancellationToken)
    {
        int size = Math.Max(LeastWindow, 2 * max);
        List<Candidate> candidates = [];
        bool sawAll = false;
        for (int windows = 0; windows < MaxWindows && !sawAll && candidates.Count < max; windows++)
        {
            List<WindowRow> window = await ReadWindowAsync(work, size, now, cancellationToken).ConfigureAwait(false);
            sawAll = window.Count < size;
            candidates = [.. window.Where(static row => row.IsHead).Select(static row => new Candidate(row.Seq, row.OrderKey, row.Attempts > 0))];
            if (!sawAll && candidates.Count < max)
            {
                int away = await PutAwayAsync(work, [.. window.Where(static row => !row.IsHead)], now, cancellationToken).ConfigureAwait(false);
                if (away == 0)
                {
                    break; // others have them in hand
                }
            }
        }

        if (candidates.Count < max)
        {
            await AddFollowersAsync(work, candidates, max, now, cancellationToken).ConfigureAwait(false);
        }

        candidates.Sort(static (left, right) => left.Seq.CompareTo(right.Seq));
        return (candidates, sawAll);
    }

    private async ValueTask<List<WindowRow>> ReadWindowAsync(SqlWork work, int size, long now, CancellationToken cancellationToken)
    {
        DbCommand command = work.Command(
            $"select o.seq, o.order_key, case when o.order_key is null then o.seq else " +
            $"(select b.seq from {_outbox} b where b.order_key = o.order_key order by b.seq limit 1) end, o.attempts " +
            $"from {_outbox} o where o.due_at <= @now order by o.due_at, o.seq limit {Text(size)}");
        List<WindowRow> window = [];
        await using (command.ConfigureAwait(false))
        {
            SqlDialect.Add(command, "@now", DbType.Int64, now);
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    window.Add(new WindowRow(reader.GetInt64(0), reader.IsDBNull(1) ? null : _dialect.ReadKey(reader, 1), reader.GetInt64(2), reader.GetInt32(3)));
                }
            }
        }

        return window;
    }

    // Neither waits for a lock: a relay that waits for another while it holds locks could wait for ever.
    private async ValueTask<int> PutAwayAsync(SqlWork work, IReadOnlyCollection<WindowRow> rows, long now, CancellationToken cancellationToken)
    {
        HashSet<long> heads = await LockSeqsAsync(work, rows.Select(static row => row.Head).Distinct(), "1 = 1", cancellationToken).ConfigureAwait(false);
        HashSet<long> away = await LockSeqsAsync(
            work, rows.Where(row => heads.Contains(row.Head)).Select(static row => row.Seq), $"due_at <= {Text(now)}", cancellationToken).ConfigureAwait(false);
        return away.Count == 0
            ? 0
            : await work.ExecuteAsync($"update {_outbox} set due_at = {OutboxRow.BehindOthers} where seq in ({List(away.Order())})", cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<HashSet<long>> LockSeqsAsync(SqlWork work, IEnumerable<long> seqs, string condition, CancellationToken cancellationToken)
    {
        string list = List(seqs.Order());
        HashSet<long> locked = [];
        if (list.Length > 0)
        {
            DbCommand command = work.Command($"select seq, null from {_outbox} where seq in ({list}) and {condition} order by seq{_dialect.SkipLocked}");
            await using (command.ConfigureAwait(false))
            {
                locked.UnionWith((await ReadSeqsAsync(command, cancellationToken).ConfigureAwait(false)).Select(static row => row.Seq));
            }
        }

        return locked;
    }

    // Those behind each head, up to the first that may not be sent now. None behind one that has been tried before: should it fail again, or have no
    // answer for long, they would only take the room of others.
    private async ValueTask AddFollowersAsync(SqlWork work, List<Candidate> candidates, int max, long now, CancellationToken cancellationToken)
    {
        Dictionary<string, long> heads = candidates.Where(static row => row is { OrderKey: not null, IsTried: false })
            .ToDictionary(static row => row.OrderKey!, static row => row.Seq, StringComparer.Ordinal);
        foreach (string[] keys in heads.Keys.Chunk(MaxKeysOfSelect))
        {
            if (candidates.Count >= max)
            {
                return;
            }

            int each = Math.Max(2, 2 * max / heads.Count);
            DbCommand command = work.Command(ForEachKey(
                keys.Length, key => $"select seq, order_key, due_at from {_outbox} where order_key = {key} order by seq limit {Text(each)}"));
            await using (command.ConfigureAwait(false))
            {
                AddKeys(command, keys);
                DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    List<(long Seq, string Key, long DueAt)> rows = [];
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        rows.Add((reader.GetInt64(0), _dialect.ReadKey(reader, 1), reader.GetInt64(2)));
                    }

                    foreach (IGrouping<string, (long Seq, string Key, long DueAt)> ofKey in rows.GroupBy(static row => row.Key, StringComparer.Ordinal))
                    {
                        (long Seq, string Key, long DueAt)[] line = [.. ofKey.OrderBy(static row => row.Seq)];
                        if (line[0].Seq == heads[ofKey.Key])
                        {
                            candidates.AddRange(line.Skip(1).TakeWhile(row => row.DueAt <= now || row.DueAt == OutboxRow.BehindOthers)
                                .Select(static row => new Candidate(row.Seq, row.Key, IsTried: false)));
                        }
                    }
                }
            }
        }
    }

    // Whoever has a row locked keeps it, and with it what is behind it in its key.
    private async ValueTask<List<OutboxRecord>> LockAsync(SqlWork work, List<Candidate> candidates, int max, long now, CancellationToken cancellationToken)
    {
        DbCommand command = work.Command(
            $"select {OutboxRow.Columns} from {_outbox} where seq in ({List(candidates.Select(static row => row.Seq))}) " +
            $"and (due_at <= @now or due_at = {OutboxRow.BehindOthers}) order by seq limit {Text(max)}{_dialect.SkipLocked}");
        Dictionary<long, OutboxRecord> locked = [];
        await using (command.ConfigureAwait(false))
        {
            SqlDialect.Add(command, "@now", DbType.Int64, now);
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    OutboxRecord row = OutboxRow.Read(reader, _dialect);
                    locked.Add(row.Seq, row);
                }
            }
        }

        HashSet<string> broken = new(StringComparer.Ordinal);
        List<OutboxRecord> rows = new(locked.Count);
        foreach (Candidate candidate in candidates)
        {
            if (!locked.TryGetValue(candidate.Seq, out OutboxRecord? row))
            {
                _ = candidate.OrderKey is not null && broken.Add(candidate.OrderKey);
            }
            else if (candidate.OrderKey is null || !broken.Contains(candidate.OrderKey))
            {
                rows.Add(row);
            }
        }

        return rows;
    }

    private async ValueTask MarkAsync(SqlWork work, List<OutboxRecord> rows, byte[] token, long now, long leaseEnd, CancellationToken cancellationToken)
    {
        DbCommand command = work.Command(
            $"update {_outbox} set status = {(int)OutboxStatus.Sent}, attempts = attempts + 1, changed_at = @now, due_at = @due, token = @token " +
            $"where seq in ({List(rows.Select(static row => row.Seq))})");
        await using (command.ConfigureAwait(false))
        {
            SqlDialect.Add(command, "@now", DbType.Int64, now);
            SqlDialect.Add(command, "@due", DbType.Int64, leaseEnd);
            SqlDialect.Add(command, "@token", DbType.Binary, token);
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    // Brings back the first of each key that was put away; called when one of the key has left.
    private async ValueTask ReleaseNextAsync(SqlWork work, IReadOnlyCollection<string> orderKeys, long now, CancellationToken cancellationToken)
    {
        foreach (string[] keys in orderKeys.Chunk(MaxKeysOfSelect))
        {
            DbCommand command = work.Command(ForEachKey(
                keys.Length, key => $"select seq, order_key from {_outbox} where order_key = {key} and due_at = {OutboxRow.BehindOthers} order by seq limit 1"));
            List<(long Seq, string? OrderKey)> rows;
            await using (command.ConfigureAwait(false))
            {
                AddKeys(command, keys);
                rows = await ReadSeqsAsync(command, cancellationToken).ConfigureAwait(false);
            }

            if (rows.Count > 0)
            {
                await work.ExecuteAsync(
                    $"update {_outbox} set due_at = {Text(now)} where seq in ({List(rows.Select(static row => row.Seq))}) and due_at = {OutboxRow.BehindOthers}",
                    cancellationToken).ConfigureAwait(false);
            }
        }
    }

    // One index scan for each key: with a list of keys and one order over all, PostgreSQL reads every row of them and sorts.
    private static string ForEachKey(int count, Func<string, string> select)
    {
        StringBuilder text = new();
        for (int i = 0; i < count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : " union all ")}select * from ({select($"@key{i}")}) k{i}");
        }

        return text.ToString();
    }

    private void AddKeys(DbCommand command, string[] keys)
    {
        for (int i = 0; i < keys.Length; i++)
        {
            _dialect.AddKey(command, "@key" + Text(i), keys[i]);
        }
    }

    private readonly record struct Candidate(long Seq, string? OrderKey, bool IsTried);

    private readonly record struct WindowRow(long Seq, string? OrderKey, long Head, int Attempts)
    {
        internal bool IsHead => Seq == Head;
    }
}
