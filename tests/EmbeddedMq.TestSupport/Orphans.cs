using System.Diagnostics;

namespace EmbeddedMq.TestSupport;

/// <summary>Keeps processes that tests start from outliving the test process, when that one is killed.</summary>
public static class Orphans
{
    /// <summary>Ends this process when the one that started it has gone, which is when its standard input ends. The starter redirects that and writes nothing.</summary>
    public static void DieWithParent()
    {
        Thread watch = new(static () =>
        {
            using Stream input = Console.OpenStandardInput();
            while (input.ReadByte() >= 0)
            {
            }

            Process.GetCurrentProcess().Kill();
        })
        {
            IsBackground = true,
            Name = "watches the parent",
        };
        watch.Start();
    }
}
