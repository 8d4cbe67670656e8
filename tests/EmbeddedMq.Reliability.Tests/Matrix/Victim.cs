using System.Diagnostics;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>The process that is killed: an application that sends or consumes the messages of a cell, and ends when all are done.</summary>
internal static class Victim
{
    /// <summary>The first argument of the process.</summary>
    public const string Argument = "matrix-victim";

    /// <summary>What it writes when it has killed the server.</summary>
    public const string ServerKilled = "server killed";

    /// <summary>For how long a process keeps what it holds: longer than it lives, however slow the machine is. To the second life it is over; see <see cref="LaterClock"/>.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(30);

    // Where the store is killed, and not who uses it, a claim whose end could not be told has to be waited for.
    private static readonly TimeSpan LeaseBesideAMortalServer = TimeSpan.FromSeconds(20);

    // Short: that a message may be sent again while it is under way is part of what is tried.
    private static readonly TimeSpan CheckDelay = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    /// <summary>Starts the process.</summary>
    /// <param name="cell">The cell.</param>
    public static Process Start(MatrixCell cell)
        => Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [Argument, cell.ToArgument()])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    /// <summary>Is the process.</summary>
    /// <param name="args">Its arguments.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        Orphans.DieWithParent();
        MatrixCell cell = MatrixCell.Parse(args[0]);
        KillSwitch killSwitch = new(cell.Place, MatrixCell.PassesBefore, cell.Server);
        TimeSpan lease = cell.Server is null ? Lease : LeaseBesideAMortalServer;
        await using Parts parts = await Parts.OpenAsync(cell, killSwitch);
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddSimpleConsole(static console => console.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        builder.Services.Configure<ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace); // the other stream is the test's
        builder.Services.AddEmbeddedMq(mq =>
        {
            mq.UseEngine((_, _) => new ValueTask<IBroker>(parts.Engine));
            mq.Topology(topology => topology
                .Queue(cell.Queue, static queue => queue.Durable())
                .Queue(cell.Results, static queue => queue.Durable()));
            if (parts.Outbox is not null || cell.Mechanism == Mechanism.EmbeddedDirectory)
            {
                // One at a time, so that of one message alone it is open whether it was sent.
                mq.Outbox(o => parts.ConfigureOutbox(o).Window(1).Lease(lease).PollEvery(Glance).Backoff(Backoff.Fixed(Glance)));
            }

            if (!MatrixCell.HasOutboxOnly(cell.Mechanism))
            {
                mq.Idempotence(i => parts.ConfigureInbox(i).Lease(lease));
                mq.Consume<Order>(
                    cell.Queue,
                    (order, context, token) => HandleAsync(order, context, parts, killSwitch, token),
                    consumer =>
                    {
                        consumer.Idempotent().Retry(static retry => retry.Else(1_000, Backoff.Fixed(Glance)).WaitIn(RetryWait.Consumer));
                        if (cell.Mechanism == Mechanism.Checks)
                        {
                            consumer.ConfirmsProcessing();
                        }
                    });
            }

            if (cell.Mechanism == Mechanism.Checks)
            {
                mq.Publish<Order>(publish => publish.ToQueue(cell.Queue).Check(CheckDelay));
                mq.Checks(checks => checks
                    .Queue(cell.Checks)
                    .Service()
                    .MaxAttempts(1_000)
                    .Retry(static retry => retry.Else(1_000, Backoff.Fixed(Glance)).WaitIn(RetryWait.Consumer))
                    .CallBack<Order>((check, _, _) => AnswerAsync(check, parts, killSwitch)));
            }
        });
        using IHost host = builder.Build();
        await host.StartAsync();
        if (MatrixCell.HasOutboxOnly(cell.Mechanism))
        {
            await SendAsync(host.Services.GetRequiredService<IOutbox>(), parts);
        }
        else if (cell.HasProducer)
        {
            await PublishAsync(host.Services.GetRequiredService<IPublisher>(), parts);
        }

        while (!await (cell.Mechanism == Mechanism.EmbeddedDirectory ? AreAllProcessedAsync(host.Services, parts) : IsDoneAsync(parts)))
        {
            await Task.Delay(Glance, TimeProvider.System);
        }

        await host.StopAsync();
        return 0;
    }

    // An application that begins again where its business has got to, not where its messages have.
    private static async Task SendAsync(IOutbox outbox, Parts parts)
    {
        for (int number = 1; number <= MatrixCell.Messages; number++)
        {
            string id = MatrixCell.IdOf(number);
            while (!await parts.IsBusinessDoneAsync(id) || !await IsDoneAsync(parts))
            {
                if (await parts.IsBusinessDoneAsync(id))
                {
                    await Task.Delay(Glance, TimeProvider.System); // the next one only when this one was sent
                    continue;
                }

                try
                {
                    await parts.DoBusinessAsync(outbox, new Order(id));
                }
                catch (Exception error) when (error is not OutOfMemoryException)
                {
                    // The database is away. The application asks it what has become of its transaction, and goes on.
                    Console.Error.WriteLine(error.Message);
                    await Task.Delay(Glance, TimeProvider.System);
                }
            }
        }
    }

    // One that begins again where its business has got to. What becomes of the messages is the check service's.
    private static async Task PublishAsync(IPublisher publisher, Parts parts)
    {
        for (int number = 1; number <= MatrixCell.Messages; number++)
        {
            Order order = new(MatrixCell.IdOf(number));
            if (!await parts.IsBusinessDoneAsync(order.Id))
            {
                await parts.PublishAndDoBusinessAsync(publisher, order);
            }
        }
    }

    private static async ValueTask<CheckAnswer<Order>> AnswerAsync(MessageCheck check, Parts parts, KillSwitch killSwitch)
    {
        killSwitch.Pass("before callback");
        bool isDone = await parts.IsBusinessDoneAsync(check.MessageId);
        killSwitch.Pass("after callback");
        return isDone ? CheckAnswer.Resend(new Order(check.MessageId)) : throw new InvalidOperationException("Its business is not done yet: ask again.");
    }

    private static async ValueTask HandleAsync(Order order, IMessageContext context, Parts parts, KillSwitch killSwitch, CancellationToken cancellationToken)
    {
        if (parts.Cell.Mechanism == Mechanism.Checks && IsLost(order, context))
        {
            await context.RejectAsync(cancellationToken);
            return;
        }

        killSwitch.Pass("before effect");
        await parts.HaveEffectAsync(order.Id, context, cancellationToken);
        if (parts.Cell.Mechanism != Mechanism.Checks)
        {
            await context.Publisher.PublishAsync(new Done(order.Id), PublishOptions.ToQueue(parts.Cell.Results), cancellationToken);
        }

        killSwitch.Pass("after effect");
    }

    // The first sending of every other message, so that its producer is asked about it.
    private static bool IsLost(Order order, IMessageContext context)
        => context.Headers.GetValueOrDefault(MessageHeaders.CheckAttempt) is 1 && order.Id[^1] % 2 == 1;

    // What the application itself can tell, whose store nobody else may open.
    private static async Task<bool> AreAllProcessedAsync(IServiceProvider services, Parts parts)
    {
        IMessageStates states = services.GetRequiredService<IMessageStates>();
        for (int number = 1; number <= MatrixCell.Messages; number++)
        {
            if ((await states.FindAsync(MatrixCell.IdOf(number))).Stage != MessageStage.Processed)
            {
                return false;
            }
        }

        return await parts.CountWaitingAsync(parts.Cell.Queue) == 0 && await services.GetRequiredService<IOutbox>().Store.CountAsync() is { Pending: 0, Sent: 0 };
    }

    private static async Task<bool> IsDoneAsync(Parts parts)
    {
        try
        {
            if (parts.Outbox is { } outbox && await outbox.CountAsync() is not { Pending: 0, Sent: 0 })
            {
                return false;
            }

            if (parts.Inbox?.Inner is not { } inbox)
            {
                return true;
            }

            bool isChecked = parts.Cell.Mechanism == Mechanism.Checks;
            for (int number = 1; number <= MatrixCell.Messages; number++)
            {
                if (await inbox.FindAsync(isChecked ? "checks" : parts.Cell.Queue, MatrixCell.IdOf(number)) is not { State: IdempotenceState.Processed })
                {
                    return false;
                }
            }

            // What waits, or waits for its acknowledgement, is seen by whoever stops consuming: the host's stop gives it back, and the test counts it.
            // What is checked may wait once more.
            return isChecked || await parts.CountWaitingAsync(parts.Cell.Queue) == 0;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            Console.Error.WriteLine(error.Message); // the server that was killed is not back yet
            return false;
        }
    }
}
