// Whole scenarios against their limits, in one run: dotnet run -c Release --project tests/EmbeddedMq.LoadTests -- storage
using EmbeddedMq.LoadTests;
using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Memory;
using EmbeddedMq.LoadTests.Peers;
using EmbeddedMq.LoadTests.Storage;
using EmbeddedMq.LoadTests.Stores;

if (Arguments.TryParse(args) is not { } arguments)
{
    Console.Error.WriteLine(Arguments.Usage);
    return 2;
}

if (arguments.OutputFile is not null)
{
    Directory.CreateDirectory(Path.GetDirectoryName(arguments.OutputFile)!); // before hours of measuring, should it not go
}

Directory.CreateDirectory(arguments.Directory);
Report report = new(arguments);
try
{
    await (arguments.Suite switch
    {
        "storage" => StorageSuite.RunAsync(arguments, report),
        "memory" => MemorySuite.RunAsync(arguments, report),
        "stores" => StoresSuite.RunAsync(arguments, report),
        _ => PeersSuite.RunAsync(arguments, report),
    });
}
finally
{
    Directory.Delete(arguments.Directory, recursive: true);
}

string text = report.ToMarkdown();
Console.Write(text);
if (arguments.OutputFile is { } file)
{
    await File.WriteAllTextAsync(file, text);
}

return 0;
