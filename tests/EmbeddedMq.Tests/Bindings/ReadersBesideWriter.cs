using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Bindings;

/// <summary>Runs one writer and two readers at the same time, until the writer is done.</summary>
internal static class ReadersBesideWriter
{
    private const int Writes = 100_000;

    public static async Task RunAsync(int seed, Action<Random> prepare, Action<Random> write, Action read)
    {
        prepare(Seeds.Generator(seed));
        bool isDone = false;
        Task[] readers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            do
            {
                read();
            }
            while (!Volatile.Read(ref isDone));
        }))];
        Task writer = Task.Run(() =>
        {
            try
            {
                Random random = Seeds.Generator(seed, part: 1);
                for (int i = 0; i < Writes; i++)
                {
                    write(random);
                }
            }
            finally
            {
                Volatile.Write(ref isDone, true);
            }
        });
        await Task.WhenAll([.. readers, writer]);
    }
}
