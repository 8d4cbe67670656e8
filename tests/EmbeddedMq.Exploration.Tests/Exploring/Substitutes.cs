// What the broker's sources mean, in this project, by these names: the same operations with a point before and after each at which the
// explorer may let another thread go on.
global using Interlocked = EmbeddedMq.Exploration.Tests.Exploring.ExploredInterlocked;
global using Volatile = EmbeddedMq.Exploration.Tests.Exploring.ExploredVolatile;
