using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.Crash.Tests.Campaign;
using EmbeddedMq.Journal;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A disk that is really full: publishers wait or are refused, consumers go on, and nothing confirmed is lost.</summary>
public sealed class BrokerFullDiskTests
{
    [Fact]
    public async Task FullDisk_ThenRoomAgain_LosesNothingConfirmed()
    {
        using ScratchDirectory scratch = new();
        Assert.SkipUnless(await RunAsync("mount", "-t", "tmpfs", "-o", "size=12m", "none", scratch.Path), "Mounting is not permitted here.");
        try
        {
            CampaignSetup setup = new(Path.Combine(scratch.Path, "store"), 1, 1, Durability.Synced, 64 << 20);
            List<string> confirmed = [];
            HashSet<string> acked = [];
            await using (Broker broker = await Broker.StartAsync(setup.ToBrokerOptions(TimeProvider.System)))
            {
                await using IConnection connection = await broker.ConnectAsync();
                IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
                IChannel consumer = await connection.OpenChannelAsync();
                await CampaignSetup.DeclareAsync(channel);
                string filler = Path.Combine(scratch.Path, "filler");
                await File.WriteAllBytesAsync(filler, new byte[4 << 20], TestContext.Current.CancellationToken);

                // Until the disk is full: then the publish is refused, or waits.
                int number = 0;
                Task<PublishResult> last;
                do
                {
                    string id = string.Create(CultureInfo.InvariantCulture, $"1.0.{++number}");
                    last = channel.TryPublishAsync("", "q1", new Message(Bodies.Make(id), MessageProperties.Persistent)).AsTask();
                    while (!last.IsCompleted && broker.Journal.State == JournalState.Open && connection.BlockedReason is null)
                    {
                        await Task.WhenAny(last, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System)); // one of the two comes
                    }

                    if (!last.IsCompleted || (await last).Outcome != PublishOutcome.Confirmed)
                    {
                        break;
                    }

                    confirmed.Add(id);
                }
                while (number < 100_000);
                Assert.True(number < 100_000);

                // Consuming and settling go on.
                for (int i = 0; i < 100; i++)
                {
                    Delivery delivery = (await consumer.GetAsync("q1").AsTask().WithinPatienceAsync("a message from the full disk"))!.Delivery;
                    await consumer.AckAsync(delivery.DeliveryTag);
                    acked.Add(Bodies.Read(delivery.Body.Span));
                }

                File.Delete(filler);
                PublishResult answer = await last.WithinPatienceAsync("an answer, now that there is room"); // refused before, or let go on now
                Assert.True(answer.Outcome == PublishOutcome.Confirmed || answer.RejectReason == RejectReason.StorageFailed, $"A publish to a full disk was answered with {answer}.");
                if (answer.Outcome == PublishOutcome.Confirmed)
                {
                    confirmed.Add(string.Create(CultureInfo.InvariantCulture, $"1.0.{number}"));
                }

                for (int more = 0; more < 200; more++)
                {
                    await Patiently.UntilAsync(
                        async () =>
                        {
                            string id = string.Create(CultureInfo.InvariantCulture, $"1.0.{++number}");
                            answer = await channel.TryPublishAsync("", "q1", new Message(Bodies.Make(id), MessageProperties.Persistent)).AsTask().WithinPatienceAsync("an answer");
                            if (answer.Outcome != PublishOutcome.Confirmed)
                            {
                                return false;
                            }

                            confirmed.Add(id);
                            return true;
                        },
                        () => $"a confirm: there is room, and the broker still answers {answer}");
                }
            }

            await using Broker again = await Broker.StartAsync(setup.ToBrokerOptions(TimeProvider.System));
            await using IConnection reader = await again.ConnectAsync();
            IChannel channelAgain = await reader.OpenChannelAsync();
            List<string> found = [];
            while (await channelAgain.GetAsync("q1", autoAck: true) is { } got)
            {
                found.Add(Bodies.Read(got.Delivery.Body.Span));
            }

            Assert.Empty(confirmed.Except(acked).Except(found));
            Assert.Empty(acked.Intersect(found));
            Assert.Equal(found.OrderBy(static id => Bodies.Place(id).Order), found);
            Assert.True(confirmed.Count > 200);
        }
        finally
        {
            Assert.True(await RunAsync("umount", scratch.Path));
        }
    }

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
