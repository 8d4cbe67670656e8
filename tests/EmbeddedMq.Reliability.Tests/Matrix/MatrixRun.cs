using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>One cell as it is run: its folder, its processes, and what they must have left.</summary>
internal sealed class MatrixRun : IAsyncDisposable
{
    private static readonly string[] IdsOfAll = [.. Enumerable.Range(1, MatrixCell.Messages).Select(MatrixCell.IdOf)];

    private readonly List<string> _said = [];

    private MatrixRun(MatrixCell cell) => Cell = cell;

    /// <summary>The cell.</summary>
    public MatrixCell Cell { get; }

    /// <summary>Makes a cell's folder, and for consumers the messages. With a server's process, that is what is killed.</summary>
    public static async Task<MatrixRun> PrepareAsync(Mechanism mechanism, Engine engine, string place, string store, string rabbitMq, int? server = null)
    {
        string directory = Path.Combine(Path.GetTempPath(), "matrix" + Guid.NewGuid().ToString("N")[..10]);
        Directory.CreateDirectory(directory);
        MatrixRun run = new(new MatrixCell(mechanism, engine, place, directory, rabbitMq, store, server));
        await using Parts parts = await Parts.OpenAsync(run.Cell, new KillSwitch("", 0, null));
        await using IConnection connection = await parts.Engine.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
        await channel.DeclareQueueAsync(run.Cell.Queue, static queue => queue.Durable());
        await channel.DeclareQueueAsync(run.Cell.Results, static queue => queue.Durable());
        foreach (string id in run.Cell.HasProducer ? [] : IdsOfAll)
        {
            MessageProperties properties = new() { MessageId = id, ContentType = "application/json", DeliveryMode = DeliveryMode.Persistent };
            await channel.PublishAsync("", run.Cell.Queue, new Message(JsonSerializer.SerializeToUtf8Bytes(new Order(id)), properties));
        }

        return run;
    }

    /// <summary>Starts the process that is killed where the cell says, and then another one, which finishes the work.</summary>
    public async Task KillAndFinishAsync()
    {
        using (Process first = Victim.Start(Cell))
        {
            Assert.Equal(128 + 9, await EndAsync(first));
        }

        using (Process second = Victim.Start(Cell with { Place = "" }))
        {
            Assert.Equal(0, await EndAsync(second));
        }
    }

    /// <summary>Waits for the end of a process and keeps what it said for the failure's text.</summary>
    /// <param name="victim">The process.</param>
    /// <returns>Its exit code.</returns>
    public async Task<int> EndAsync(Process victim)
    {
        Task<string> output = victim.StandardOutput.ReadToEndAsync();
        Task<string> errors = victim.StandardError.ReadToEndAsync();
        bool ended = true;
        try
        {
            await victim.WaitForExitAsync().WithinPatienceAsync("the end of the process");
        }
        catch (TimeoutException)
        {
            ended = false;
            victim.Kill();
            await victim.WaitForExitAsync();
        }

        _said.Add($"{await output}{await errors}");
        Assert.True(ended, $"It hangs. It said: {string.Join("\n--\n", _said)}");
        return victim.ExitCode;
    }

    /// <summary>Holds what is left against what is promised.</summary>
    public async Task AssertAsync()
    {
        await using Parts parts = await Parts.OpenAsync(Cell, new KillSwitch("", 0, null));
        await (MatrixCell.HasOutboxOnly(Cell.Mechanism) ? AssertSentAsync(parts) : Cell.HasProducer ? AssertCheckedAsync(parts) : AssertProcessedAsync(parts));
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Cell.Directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    // Between publishing and marking, a second sending is what keeps the first from being lost; anywhere else there is none.
    private async Task AssertSentAsync(Parts parts)
    {
        int most = Cell.Place is "after publish" or "after confirm" or "before mark" ? 2 : 1;
        ILookup<string, string> sent = (await TakeAllAsync(parts, Cell.Queue)).ToLookup(static message => message.Properties.MessageId!, static message => message.GetText());
        foreach (string id in IdsOfAll)
        {
            AssertCount(1, most, sent[id].Count(), $"message {id} in the queue");
            if (Cell.Mechanism != Mechanism.EmbeddedOutbox)
            {
                AssertCount(1, 1, (int)await parts.CountOrdersAsync(id), $"business of {id}");
            }
        }

        AssertCount(IdsOfAll.Length, IdsOfAll.Length, sent.Count, "ids in the queue");
    }

    // What shares the store's commit takes effect once. What does not, takes effect once more where it had been done and not been marked. What goes
    // through an outbox is stored once, and may be sent twice if that is what the kill interrupts.
    private async Task AssertProcessedAsync(Parts parts)
    {
        bool isSentOnce = Cell.Mechanism == Mechanism.EmbeddedInbox;
        bool isRelayed = parts.Outbox is not null || Cell.Mechanism == Mechanism.EmbeddedDirectory;
        bool isRepeated = Cell.Place is "after effect" or "before mark" || (Cell.Server is not null && Cell.Place == "after claim");
        ILookup<string, string> results = (await TakeAllAsync(parts, Cell.Results))
            .ToLookup(static message => JsonSerializer.Deserialize<Done>(message.Body.Span, JsonSerializerOptions.Web)!.Id, static message => message.Properties.MessageId!);
        string[] effects = File.Exists(Cell.Effects) ? await File.ReadAllLinesAsync(Cell.Effects) : [];
        Assert.Equal(0u, await parts.CountWaitingAsync(Cell.Queue));
        foreach (string id in IdsOfAll)
        {
            AssertCount(1, isRepeated ? 2 : 1, effects.Count(effect => effect == id), $"effect of {id} outside of the store");
            AssertCount(1, isSentOnce || !(isRelayed || isRepeated) ? 1 : 2, results[id].Count(), $"message sent for {id}");
            AssertCount(1, 1, results[id].Distinct().Count(), $"id of the message sent for {id}");
            if (Cell.Mechanism is Mechanism.SqliteInbox or Mechanism.PostgresInbox or Mechanism.MariaDbInbox)
            {
                AssertCount(1, 1, (int)await parts.CountEffectsAsync(id), $"effect of {id} in the database");
            }
        }
    }

    // However often it was sent: its consumer knows it by its id. What is sent once more may still be in the queue, and changes nothing. The consumer
    // works beside producer and check service: where these are killed it may be between a message's effect and its mark.
    private async Task AssertCheckedAsync(Parts parts)
    {
        bool isConsumers = Cell.Place.Split(' ')[1] is "claim" or "effect" or "mark" or "confirmation" or "ack";
        bool isRepeated = !isConsumers || Cell.Place is "after effect" or "before mark";
        string[] effects = await File.ReadAllLinesAsync(Cell.Effects);
        foreach (string id in IdsOfAll)
        {
            AssertCount(1, isRepeated ? 2 : 1, effects.Count(effect => effect == id), $"effect of {id} outside of the store");
            AssertCount(1, 1, (int)await parts.CountEffectsAsync(id), $"effect of {id} in the database");
            AssertCount(1, 1, (int)await parts.CountOrdersAsync(id), $"business of {id}");
        }
    }

    private void AssertCount(int least, int most, int count, string what)
        => Assert.True(count >= least && count <= most, string.Create(CultureInfo.InvariantCulture, $"{Cell.Mechanism} on {Cell.Engine}, killed {Cell.Place}: {what}: {count}, not {least} to {most}. It said: {string.Join("\n--\n", _said)}"));

    private static async Task<List<Message>> TakeAllAsync(Parts parts, string queue)
    {
        List<Message> messages = [];
        await using IConnection connection = await parts.Engine.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        while (await channel.GetAsync(queue, autoAck: true) is { } got)
        {
            messages.Add(got.Delivery.Message);
        }

        return messages;
    }
}
